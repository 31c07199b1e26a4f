import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.StateRestoreListener;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The core job for Kafka Streams, as one who knows it would write it: Processor API, accounts as objects in memory, their
 * changed rows put into a logged store once a commit (write-behind, see WriteBehind), values to Redis in one pipeline.
 *
 * <p>Environment: BENCH_BOOTSTRAP, BENCH_REDIS, BENCH_PREFIX, BENCH_TOPICS (interactions, deals, tickets), BENCH_GROUP,
 * BENCH_THREADS, BENCH_STORE (memory, rocksdb), BENCH_REDIS_MS, BENCH_EAGER (1: write values also while it catches up).
 */
public final class CoreJob implements Processor<String, byte[], Void, Void> {
    private static final Map<String, String> ENV = System.getenv();
    private static final String STATE = "state", FRONT = "front";
    private static final String[] TOPICS = ENV.get("BENCH_TOPICS").split(",");
    private static final boolean EAGER = "1".equals(ENV.get("BENCH_EAGER"));
    private static final long REDIS_MS = Long.parseLong(ENV.getOrDefault("BENCH_REDIS_MS", "1000"));
    /** T: the largest event time of all partitions. All tasks run in this process, so no topic need carry it. */
    private static final AtomicLong TIME = new AtomicLong();
    /** Where the inputs ended at the start: up to there the job catches up. */
    private static Map<TopicPartition, Long> ends = Map.of();
    private static final AtomicLong BEHIND = new AtomicLong();

    private final Event event = new Event();
    private final Entity.Facts old = new Entity.Facts(), now = new Entity.Facts();
    private final Values values = new Values();
    private final ByteBuffer buffer = ByteBuffer.allocate(1 << 20);
    private final HashMap<String, Account> accounts = new HashMap<>();
    private final ArrayList<Account> dirty = new ArrayList<>(), unpublished = new ArrayList<>();
    private final HashMap<String, Integer> topics = new HashMap<>();
    private final HashMap<TopicPartition, Long> left = new HashMap<>();
    private ProcessorContext<Void, Void> context;
    private KeyValueStore<byte[], byte[]> store;
    private RedisPipe redis;
    private long scannedAt;

    @Override
    public void init(ProcessorContext<Void, Void> context) {
        this.context = context;
        store = context.getStateStore(STATE);
        WriteBehind front = context.getStateStore(FRONT);
        front.onFlush = this::flush;
        for (int i = 0; i < TOPICS.length; i++) {
            topics.put(TOPICS[i], i);
            TopicPartition tp = new TopicPartition(TOPICS[i], context.taskId().partition());
            if (ends.getOrDefault(tp, 0L) > 0) {
                left.put(tp, ends.get(tp));
            }
        }
        restore();
        try {
            redis = new RedisPipe(URI.create(ENV.get("BENCH_REDIS")));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        context.schedule(Duration.ofMillis(REDIS_MS), PunctuationType.WALL_CLOCK_TIME, at -> publish());
    }

    private void restore() {
        long newest = 0;
        try (KeyValueIterator<byte[], byte[]> rows = store.all()) {
            while (rows.hasNext()) {
                KeyValue<byte[], byte[]> row = rows.next();
                ByteBuffer key = ByteBuffer.wrap(row.key);
                if (row.key.length == 1) {
                    newest = ByteBuffer.wrap(row.value).getLong();
                    continue;
                }
                String id = new String(Bytes.getText(key), java.nio.charset.StandardCharsets.UTF_8);
                account(id).read(key, ByteBuffer.wrap(row.value));
            }
        }
        advance(newest);
        for (Account account : accounts.values()) {
            account.unpublished = true;
            unpublished.add(account);
        }
    }

    private Account account(String id) {
        Account account = accounts.get(id);
        if (account == null) {
            accounts.put(id, account = new Account(id));
        }
        return account;
    }

    private static void advance(long time) {
        if (time > TIME.get()) {
            TIME.accumulateAndGet(time, Math::max);
        }
    }

    @Override
    public void process(Record<String, byte[]> record) {
        var metadata = context.recordMetadata().orElseThrow();
        if (!left.isEmpty()) {
            passed(metadata.topic(), metadata.offset());
        }
        if (record.value() == null || !event.read(record.value())) {
            return;
        }
        Account account = account(record.key());
        if (!account.accept(event, topics.get(metadata.topic()))) {
            return;
        }
        advance(event.time);
        account.take(event, old, now, TIME.get());
        if (!account.dirty) {
            account.dirty = true;
            dirty.add(account);
        }
        if (!account.unpublished) {
            account.unpublished = true;
            unpublished.add(account);
        }
    }

    private void passed(String topic, long offset) {
        TopicPartition tp = new TopicPartition(topic, context.taskId().partition());
        Long end = left.get(tp);
        if (end != null && offset + 1 >= end) {
            left.remove(tp);
            BEHIND.decrementAndGet();
        }
    }

    /** Changed rows into the logged store; runs in every commit, before the producer is flushed. */
    private void flush() {
        long time = TIME.get();
        for (Account account : dirty) {
            account.write((key, row) -> store.put(key, row), buffer, time);
            account.dirty = false;
        }
        if (!dirty.isEmpty()) {
            store.put(new byte[] {'T'}, ByteBuffer.allocate(8).putLong(time).array());
        }
        dirty.clear();
    }

    private void publish() {
        if (BEHIND.get() > 0 && !EAGER) {
            return;
        }
        long time = TIME.get();
        if (time / Account.HOUR != scannedAt) {
            scannedAt = time / Account.HOUR;
            for (Account account : accounts.values()) {
                if (account.due <= time && !account.unpublished) {
                    account.unpublished = true;
                    unpublished.add(account);
                }
            }
        }
        try {
            for (Account account : unpublished) {
                account.unpublished = false;
                values.compute(account, time);
                account.due = values.due;
                byte[] key = Bytes.utf8(ENV.get("BENCH_PREFIX") + ":kpi:account:{" + account.id + "}");
                redis.write(key, values.values, account.published);
                if (account.published == null) {
                    account.published = values.values.clone();
                } else {
                    System.arraycopy(values.values, 0, account.published, 0, Values.FIELDS);
                }
            }
            unpublished.clear();
            redis.await();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    @Override
    public void close() {
        try {
            redis.close();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    // -- starting

    public static void main(String[] arguments) throws Exception {
        Properties settings = settings();
        try (Admin admin = Admin.create(settings)) {
            HashMap<TopicPartition, OffsetSpec> asked = new HashMap<>();
            var described = admin.describeTopics(List.of(TOPICS)).allTopicNames().get();
            described.values().forEach(topic -> topic.partitions().forEach(
                partition -> asked.put(new TopicPartition(topic.name(), partition.partition()), OffsetSpec.latest())));
            HashMap<TopicPartition, Long> found = new HashMap<>();
            admin.listOffsets(asked).all().get().forEach((tp, at) -> found.put(tp, at.offset()));
            var done = admin.listConsumerGroupOffsets(ENV.get("BENCH_GROUP")).partitionsToOffsetAndMetadata().get();
            found.replaceAll((tp, end) -> done.get(tp) != null && done.get(tp).offset() >= end ? 0L : end);
            ends = found;
            BEHIND.set(found.values().stream().filter(end -> end > 0).count());
        }
        boolean memory = !"rocksdb".equals(ENV.get("BENCH_STORE"));
        StoreBuilder<KeyValueStore<byte[], byte[]>> state = Stores.keyValueStoreBuilder(
            memory ? Stores.inMemoryKeyValueStore(STATE) : Stores.persistentKeyValueStore(STATE),
            Serdes.ByteArray(), Serdes.ByteArray()).withCachingDisabled().withLoggingEnabled(Map.of());
        Topology topology = new Topology();
        topology.addSource("events", Serdes.String().deserializer(), Serdes.ByteArray().deserializer(), TOPICS);
        topology.addProcessor("core", (ProcessorSupplier<String, byte[], Void, Void>) CoreJob::new, "events");
        topology.addStateStore(state, "core");
        topology.addStateStore(new WriteBehind.Builder(FRONT), "core");
        KafkaStreams streams = new KafkaStreams(topology, settings);
        streams.setStateListener((to, from) -> System.out.println("STATE " + to + " " + System.currentTimeMillis()));
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return null;
        });
        streams.setGlobalStateRestoreListener(new Restored());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
        streams.start();
    }

    private static Properties settings() {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, ENV.get("BENCH_GROUP"));
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, ENV.get("BENCH_BOOTSTRAP"));
        settings.put(StreamsConfig.STATE_DIR_CONFIG, ENV.get("BENCH_FOLDER"));
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, ENV.getOrDefault("BENCH_THREADS", "1"));
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000);
        settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 5000);
        settings.put(StreamsConfig.MAX_TASK_IDLE_MS_CONFIG, -1L);
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        settings.put(StreamsConfig.consumerPrefix("session.timeout.ms"), 10_000);
        settings.put(StreamsConfig.consumerPrefix("max.poll.records"), 5000);
        settings.put(StreamsConfig.consumerPrefix("fetch.max.wait.ms"), 100);
        settings.put(StreamsConfig.producerPrefix("batch.size"), 256 << 10);
        settings.put(StreamsConfig.producerPrefix("linger.ms"), 20);
        settings.put(StreamsConfig.producerPrefix("acks"), "all");
        return settings;
    }

    /** Says how many rows were restored. */
    private static final class Restored implements StateRestoreListener {
        private final AtomicLong rows = new AtomicLong(), began = new AtomicLong();

        @Override
        public void onRestoreStart(TopicPartition partition, String store, long from, long to) {
            began.compareAndSet(0, System.currentTimeMillis());
        }

        @Override
        public void onBatchRestored(TopicPartition partition, String store, long end, long count) {}

        @Override
        public void onRestoreEnd(TopicPartition partition, String store, long count) {
            long took = System.currentTimeMillis() - began.get();
            System.out.println("RESTORED " + rows.addAndGet(count) + " " + took);
        }
    }
}
