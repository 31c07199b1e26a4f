"""The scripts of faults, by kind. Each acts while the load comes in; whatever it leaves behind, the run heals."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from redis.exceptions import RedisError

from kamstream.events.topics import topic_names
from kamstream.worker.crash import POINTS
from tests.faults.compaction import compact_as_made, compact_at_once, dropped
from tests.faults.offsets import reset_offsets
from tests.faults.scene import Scene
from tests.faults.world import CLEANER_MS
from tests.reference.long_histories import START
from tests.reference.settings import DAY, HOUR

Script = Callable[[Scene], None]

#: Seconds of an outage that nothing on the way outlasts: requests time out after 40, a session after 10.
OUTAGE = 70.0


def kill9(scene: Scene) -> None:
    """kill -9 of workers at random moments; mostly another starts soon."""
    while scene.publishing:
        scene.some_time(0.1, 2.5)
        scene.crew.kill(scene.dice.choice(scene.crew.workers))
        scene.some_time(0.0, 0.5)
        scene.crew.start()


def points(scene: Scene) -> None:
    """Workers that are killed at a named point, one after the other."""
    while scene.publishing:
        point = scene.dice.choice(POINTS)
        doomed = scene.crew.start(KAMSTREAM_CRASH=f"{point}:{scene.dice.randint(1, 6)}")
        while len(scene.crew.workers) > 2:
            scene.crew.kill(scene.crew.workers[0])
        scene.until(lambda worker=doomed: worker.code is not None, 8)
        scene.crew.tend()


def sigterm(scene: Scene) -> None:
    """A rolling restart, over and over."""
    while scene.publishing:
        scene.some_time(0.5, 2.0)
        oldest = scene.crew.workers[0]
        if scene.dice.random() < 0.5:
            scene.crew.start()
            scene.some_time(0.0, 1.5)
        scene.crew.stop(oldest)
        if len(scene.crew.workers) < 2:
            scene.crew.start()


def pause(scene: Scene) -> None:
    """A worker stands still for longer than its session lasts, then goes on as if nothing had happened."""
    scene.ready()
    while scene.publishing:
        scene.some_time(0.2, 1.5)
        sleeper = scene.dice.choice(scene.crew.workers)
        scene.tell(f"worker {sleeper.number}: SIGSTOP")
        sleeper.signal(signal.SIGSTOP)
        scene.some_time(0.3 * scene.session, 2.2 * scene.session)
        scene.tell(f"worker {sleeper.number}: SIGCONT")
        sleeper.signal(signal.SIGCONT)


def zombie(scene: Scene) -> None:
    """As pause, and the log is compacted while it stands still: what it knew has gone from there when it wakes up."""
    scene.ready()
    address, names = scene.world.kafka.address, topic_names(scene.prefix)
    while scene.publishing:
        scene.some_time(0.2, 1.0)
        sleeper = scene.dice.choice(scene.crew.workers)
        scene.tell(f"worker {sleeper.number}: SIGSTOP")
        sleeper.signal(signal.SIGSTOP)
        compact_at_once(address, names)
        scene.some_time(1.3 * scene.session, 2.2 * scene.session)
        if scene.dice.random() < 0.5:
            others = [worker for worker in scene.crew.workers if worker is not sleeper]
            if others:
                scene.crew.kill(scene.dice.choice(others))
            scene.crew.start()
            scene.some_time(0.5 * scene.session, scene.session)
        compact_as_made(address, names)
        scene.wait(3 * CLEANER_MS / 1000)
        scene.tell(f"worker {sleeper.number}: SIGCONT; {dropped(address, names.changelog)} rows were compacted away")
        sleeper.signal(signal.SIGCONT)


def named(scene: Scene) -> None:
    """Workers with names of their own (static membership) are killed, stopped, doubled and frozen, and come back."""
    scene.ready()
    while scene.publishing:
        scene.some_time(0.3, 2.0)
        worker = scene.dice.choice(scene.crew.workers)
        how = scene.dice.choice(("kill", "stop", "double", "freeze"))
        if how == "kill":
            scene.crew.kill(worker)
            scene.some_time(0.0, 2.0 * scene.session)
            scene.crew.replace(worker)
        elif how == "stop":
            scene.crew.stop(worker)
            scene.crew.replace(worker)
        else:
            # A second one under the name of one that still runs, or that is thought to be dead.
            if how == "freeze":
                scene.tell(f"worker {worker.number}: SIGSTOP")
                worker.signal(signal.SIGSTOP)
            scene.crew.replace(worker)
            scene.some_time(0.5, 1.5 * scene.session)
            worker.wake()
            scene.some_time(0.2, 2.0)
            scene.crew.kill(worker)


def broker(scene: Scene) -> None:
    """The broker is killed and comes back at once, or after an outage."""
    scene.ready()
    outages = kills = 0
    while scene.publishing and kills < 3:  # a start after a kill takes it ten seconds
        scene.some_time(0.5, 3.0)
        scene.tell("broker: kill -9")
        kills += 1
        scene.world.kafka.kill()
        if outages == 0 and scene.dice.random() < 0.5:
            outages += 1
            scene.wait(scene.plan.outage)
        scene.world.kafka.start()
        scene.tell("broker: back")
        scene.some_time(1.0, 4.0)


def outage(scene: Scene) -> None:
    """The broker is away for longer than any session or request may last; sometimes a worker dies meanwhile."""
    scene.ready()
    scene.some_time(0.2, 0.5 * scene.plan.seconds)
    scene.tell(f"broker: kill -9, away for {OUTAGE:g} s")
    scene.world.kafka.kill()
    before = scene.dice.uniform(0.0, OUTAGE)
    scene.wait(before)
    lost = scene.dice.random() < 0.5
    if lost:
        scene.crew.kill(scene.dice.choice(scene.crew.workers))
    scene.wait(OUTAGE - before)
    scene.world.kafka.start()
    scene.tell("broker: back")
    if lost:
        scene.crew.start()
    while scene.publishing:
        scene.wait(0.2)


def redis_kill(scene: Scene) -> None:
    """Redis is killed and comes back with what its append-only file holds."""
    scene.ready()
    while scene.publishing:
        scene.some_time(0.3, 3.0)
        scene.tell("Redis: kill -9")
        scene.world.redis.kill()
        scene.some_time(0.0, 4.0)
        scene.world.redis.start()
        scene.watcher.forget()
        scene.tell("Redis: back")


def redis_flush(scene: Scene) -> None:
    """FLUSHALL: the worker writes everything again by itself."""
    scene.ready()
    client = scene.world.redis_client()
    while scene.publishing:
        scene.some_time(0.3, 3.0)
        scene.tell("Redis: FLUSHALL")
        client.flushall()
    scene.some_time(0.0, 1.0)
    client.flushall()


def redis_old(scene: Scene) -> None:
    """Redis is killed and comes back with what it held a while ago, as after a failover to a replica that lagged."""
    scene.ready()
    while scene.publishing:
        scene.some_time(0.2, 1.0)
        copy = scene.folder / f"redis-{scene.dice.random()}"
        copy_data(scene.world.redis.folder, copy)
        scene.some_time(0.3, 2.0)
        scene.tell("Redis: kill -9")
        with scene.watcher.looking_away():
            scene.world.redis.kill()
            copy_data(copy, scene.world.redis.folder)
            scene.some_time(0.0, 1.0)
            scene.world.redis.start()
        scene.tell("Redis: back with older data")


def copy_data(source: Path, target: Path) -> None:
    """Copy a Redis server's append-only data from one folder to another, in place of what is there."""
    for old in target.glob("appendonly*"):
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    for each in source.glob("appendonly*"):
        if each.is_dir():
            shutil.copytree(each, target / each.name)
        else:
            target.mkdir(exist_ok=True)
            shutil.copy2(each, target / each.name)


def redis_oom(scene: Scene) -> None:
    """Redis is out of memory for a while."""
    scene.ready()
    client = scene.world.redis_client()
    while scene.publishing:
        scene.some_time(0.3, 2.0)
        scene.tell("Redis: no memory left")
        client.config_set("maxmemory", 1_000_000)
        scene.some_time(0.5, 4.0)
        client.config_set("maxmemory", 0)
        scene.tell("Redis: memory again")


def links(scene: Scene) -> None:
    """The links to Kafka or Redis are cut, slowed down, or half open."""
    scene.ready()
    world = scene.world
    while scene.publishing:
        scene.some_time(0.3, 2.0)
        proxies = {"Kafka": world.kafka_proxy, "Redis": world.redis_proxy}
        name = scene.dice.choice(list(proxies))
        what = scene.dice.choice(("cut", "reset", "slow", "half open"))
        scene.tell(f"links to {name}: {what}")
        proxy = proxies[name]
        if what == "cut":
            proxy.cut()
        elif what == "reset":
            proxy.reset()
        elif what == "slow":
            proxy.slow(scene.dice.uniform(0.02, 0.4))
        else:
            proxy.half_open()
        scene.some_time(0.3, 2.0 * scene.session)
        proxy.heal()
        scene.tell(f"links to {name}: healed")


def churn(scene: Scene) -> None:
    """A worker is added and another taken away every two seconds."""
    while scene.publishing:
        scene.wait(2.0)
        if len(scene.crew.workers) < 2 or (len(scene.crew.workers) < 3 and scene.dice.random() < 0.5):
            scene.crew.start()
        else:
            victim = scene.dice.choice(scene.crew.workers)
            if scene.dice.random() < 0.5:
                scene.crew.kill(victim)
            else:
                scene.crew.stop(victim)


def guest(scene: Scene) -> None:
    """One worker stays; another comes, takes half of the partitions, and goes again."""
    scene.ready()
    while scene.publishing:
        other = scene.crew.start()
        scene.until(lambda worker=other: worker.says("is live"), 10)
        scene.some_time(0.2, 1.5)
        if scene.dice.random() < 0.5:
            scene.crew.kill(other)
        else:
            scene.crew.stop(other)
        scene.some_time(0.2, 1.5)


def offsets(scene: Scene) -> None:
    """All workers go, the group's offsets are set to something else, and they come back."""
    scene.ready()
    while scene.publishing:
        scene.some_time(0.5, 2.0)
        count = len(scene.crew.workers)
        for worker in list(scene.crew.workers):
            scene.crew.stop(worker)
        how = scene.dice.choice(("earliest", "latest", "random"))
        scene.tell(f"offsets of the group: {how}")
        reset_offsets(scene.world.kafka.address, scene.prefix, how, scene.dice)
        for _ in range(count):
            scene.crew.start()
        scene.some_time(1.0, 4.0)


def poison(scene: Scene) -> None:
    """One record in ten is poison, and workers are killed."""
    kill9(scene)


def clock(scene: Scene) -> None:
    """The wall clock jumps to and fro, also while a worker is restarted; T goes on or stands, but never back."""
    last = START
    while scene.publishing:
        scene.some_time(0.3, 1.5)
        now = START + int(scene.dice.random() * (scene.shape.days + 30) * DAY)
        last = max(last, now)
        scene.set_clock(now)
        if scene.dice.random() < 0.3:
            oldest = scene.crew.workers[0]
            scene.crew.stop(oldest)
            scene.crew.start()
    # T of the events themselves may have run further ahead by now.
    scene.until_time = max(last, START + 2 * scene.shape.days * DAY) + HOUR
    scene.set_clock(scene.until_time - HOUR)
    # A partition that was not live when the clock moved last would wait for it to move again.
    scene.until(scene.all_live, 30)
    scene.set_clock(scene.until_time)


def mixed(scene: Scene) -> None:
    """Two scripts of the others' at a time, in short acts."""
    scene.ready()
    while scene.publishing:
        act = scene.dice.choice(ACTS)
        scene.tell(act.__name__)
        act(scene)


def _kill(scene: Scene) -> None:
    scene.crew.kill(scene.dice.choice(scene.crew.workers))
    scene.crew.start()


def _nap(scene: Scene) -> None:
    sleeper = scene.dice.choice(scene.crew.workers)
    sleeper.signal(signal.SIGSTOP)
    scene.some_time(0.2, 2.0 * scene.session)
    sleeper.signal(signal.SIGCONT)


def _flush(scene: Scene) -> None:
    try:
        scene.world.redis_client().flushall()
    except (RedisError, OSError) as error:
        scene.tell(str(error))


def _outage(scene: Scene) -> None:
    scene.world.kafka.kill()
    scene.crew.kill(scene.dice.choice(scene.crew.workers))
    scene.crew.start()
    scene.world.kafka.start()


def _crash(scene: Scene) -> None:
    scene.crew.start(KAMSTREAM_CRASH=f"{scene.dice.choice(POINTS)}:{scene.dice.randint(1, 4)}")
    scene.crew.stop(scene.crew.workers[0])
    scene.some_time(0.5, 3.0)


def _cut(scene: Scene) -> None:
    scene.world.kafka_proxy.reset()
    scene.world.redis_proxy.half_open()
    scene.some_time(0.2, 3.0)
    scene.world.redis_proxy.heal()


def _rest(scene: Scene) -> None:
    scene.some_time(0.2, 2.0)


ACTS: tuple[Script, ...] = (_kill, _nap, _flush, _outage, _crash, _cut, _rest)

#: Kind to its script and the number of workers that it begins with, at least and at most.
KINDS: dict[str, tuple[Script, int, int]] = {
    "kill9": (kill9, 1, 2),
    "points": (points, 1, 1),
    "sigterm": (sigterm, 1, 2),
    "pause": (pause, 2, 3),
    "zombie": (zombie, 2, 3),
    "named": (named, 2, 2),
    "broker": (broker, 1, 2),
    "outage": (outage, 1, 2),
    "redis-kill": (redis_kill, 1, 2),
    "redis-flush": (redis_flush, 1, 2),
    "redis-old": (redis_old, 1, 2),
    "redis-oom": (redis_oom, 1, 2),
    "links": (links, 1, 2),
    "churn": (churn, 1, 2),
    "guest": (guest, 1, 1),
    "offsets": (offsets, 1, 2),
    "poison": (poison, 1, 2),
    "clock": (clock, 1, 2),
    "mixed": (mixed, 2, 3),
}
