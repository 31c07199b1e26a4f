import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;

/** One account in memory: its entities, what was seen of it, its panes, and what was last published. */
final class Account {
    static final long HOUR = 3_600_000, DAY = 24 * HOUR, HORIZON = 800 * DAY;
    static final int[] WINDOWS = {7, 30, 90, 365};
    static final int CHUNK = 48, TOPICS = 3, LONGEST = 365;

    final String id;
    final Panes hours = new Panes(), days = new Panes();
    final HashMap<Key, Entity> entities = new HashMap<>();
    final Seen[] seen = new Seen[TOPICS];
    boolean dirty, unpublished, headDirty;
    final ArrayList<Key> changed = new ArrayList<>();
    double[] published;
    /** T from which on a pane has left or entered a window, so that values change without an event. */
    long due = Long.MAX_VALUE;

    /** Kind and id of an entity. */
    record Key(byte family, byte[] id) {
        @Override
        public int hashCode() {
            return java.util.Arrays.hashCode(id) * 31 + family;
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Key key && key.family == family && java.util.Arrays.equals(key.id, id);
        }
    }

    /** The events of one topic that were accepted, as 64-bit hashes of source and id, kept in chunks for their rows. */
    static final class Seen {
        long newest = Long.MIN_VALUE;
        long[] all = new long[8];
        int count, storedChunks;
        private long[] table = new long[16];

        boolean add(long hash) {
            hash = hash == 0 ? 1 : hash;
            if (count * 2 >= table.length) {
                long[] old = table;
                table = new long[old.length * 2];
                for (long each : old) {
                    if (each != 0) {
                        table[place(each)] = each;
                    }
                }
            }
            int place = place(hash);
            if (table[place] != 0) {
                return false;
            }
            table[place] = hash;
            if (count == all.length) {
                all = java.util.Arrays.copyOf(all, count * 2);
            }
            all[count++] = hash;
            return true;
        }

        private int place(long hash) {
            int mask = table.length - 1, at = (int) (hash ^ hash >>> 32) * 0x9E3779B9 >>> 7 & mask;
            while (table[at] != 0 && table[at] != hash) {
                at = at + 1 & mask;
            }
            return at;
        }
    }

    Account(String id) {
        this.id = id;
    }

    /** Whether the event is neither a duplicate nor too late. */
    boolean accept(Event event, int topic) {
        Seen there = seen[topic];
        if (there == null) {
            there = seen[topic] = new Seen();
        }
        if (there.newest != Long.MIN_VALUE && event.time < there.newest - HORIZON || !there.add(event.idHash)) {
            return false;
        }
        there.newest = Math.max(there.newest, event.time);
        headDirty = true;
        return true;
    }

    /** Let an accepted event count: take back the facts it changes, post the new ones. */
    void take(Event event, Entity.Facts old, Entity.Facts now, long time) {
        if (event.type == Event.INTERACTION) {
            if (event.automated) {
                return;
            }
            post(event.time, Panes.INTERACTION_N, 1, -1, 0, time);
        }
        if (event.entity == null) {
            return;
        }
        byte family = (byte) (event.type >= Event.INTERACTION ? 'h' : event.type >= Event.DEAL_OPENED ? 'd' : 't');
        Key key = new Key(family, event.entity);
        Entity entity = entities.get(key);
        if (entity == null) {
            entities.put(key, entity = new Entity(family));
        }
        entity.derive(old);
        entity.add(event);
        entity.derive(now);
        if (!entity.dirty) {
            entity.dirty = true;
            changed.add(key);
        }
        int same = 0, shorter = Math.min(old.count, now.count);
        while (same < shorter && old.same(now, same)) {
            same++;
        }
        for (int i = same; i < old.count; i++) {
            fact(old, i, -1, time);
        }
        for (int i = same; i < now.count; i++) {
            fact(now, i, 1, time);
        }
    }

    private void fact(Entity.Facts facts, int i, int sign, long time) {
        long at = facts.time[i], amount = facts.amount[i] * sign;
        switch (facts.kind[i]) {
            case Entity.Facts.FIRST:
                post(at, Panes.FIRST_N, sign, Panes.FIRST_MS, amount, time);
                int bucket = Values.bucket(facts.amount[i]);
                spread(hours, at / HOUR, time / HOUR - 23, bucket, sign);
                spread(days, at / DAY, time / DAY - LONGEST + 1, bucket, sign);
                break;
            case Entity.Facts.RESPONSE:
                post(at, Panes.RESPONSE_N, sign, Panes.RESPONSE_MS, amount, time);
                break;
            case Entity.Facts.TICKET:
                post(at, Panes.TICKET_N, sign, Panes.TICKET_RESOLVED, amount, time);
                break;
            case Entity.Facts.CLOSED:
                post(at, Panes.CLOSED_N, sign, Panes.CLOSED_WON, amount, time);
                break;
            default:
                post(at, Panes.WON_N, sign, Panes.WON_MINOR, amount, time);
        }
    }

    private void post(long at, int first, long n, int second, long amount, long time) {
        add(hours, at / HOUR, time / HOUR - 23, first, n, second, amount);
        add(days, at / DAY, time / DAY - LONGEST + 1, first, n, second, amount);
    }

    private static void add(Panes panes, long number, long oldest, int first, long n, int second, long amount) {
        if (number < oldest) {
            return;
        }
        Panes.Pane pane = panes.at(number);
        pane.sums[first] += n;
        if (second >= 0) {
            pane.sums[second] += amount;
        }
        pane.dirty = true;
    }

    private static void spread(Panes panes, long number, long oldest, int bucket, int sign) {
        if (number >= oldest) {
            panes.at(number).count(bucket, sign);
        }
    }

    // -- rows

    /** Where rows go; a null row is a deletion. */
    interface Rows {
        void put(byte[] key, byte[] row);
    }

    void write(Rows rows, ByteBuffer buffer, long time) {
        byte[] name = Bytes.utf8(id);
        for (Key key : changed) {
            Entity entity = entities.get(key);
            entity.dirty = false;
            entity.write(buffer);
            byte[] row = Bytes.taken(buffer);
            rows.put(rowKey(buffer, name, key.family(), key.id(), -1), row);
        }
        changed.clear();
        panes(rows, buffer, name, (byte) 'H', hours, time / HOUR - 23);
        panes(rows, buffer, name, (byte) 'D', days, time / DAY - LONGEST + 1);
        for (int topic = 0; topic < TOPICS && headDirty; topic++) {
            seenRows(rows, buffer, name, topic);
        }
        headDirty = false;
    }

    private void seenRows(Rows rows, ByteBuffer buffer, byte[] name, int topic) {
        Seen there = seen[topic];
        if (there == null || there.storedChunks * CHUNK == there.count) {
            return;
        }
        for (int chunk = there.storedChunks; chunk * CHUNK < there.count; chunk++) {
            int end = Math.min(there.count, (chunk + 1) * CHUNK);
            Bytes.putVar(buffer, there.newest);
            for (int i = chunk * CHUNK; i < end; i++) {
                buffer.putLong(there.all[i]);
            }
            byte[] row = Bytes.taken(buffer);
            rows.put(rowKey(buffer, name, (byte) ('0' + topic), null, chunk), row);
        }
        there.storedChunks = there.count / CHUNK;
    }

    private void panes(Rows rows, ByteBuffer buffer, byte[] name, byte family, Panes panes, long oldest) {
        while (!panes.isEmpty() && panes.panes[panes.first].number < oldest) {
            rows.put(rowKey(buffer, name, family, null, panes.removeFirst().number), null);
        }
        for (int i = panes.end - 1; i >= panes.first; i--) {
            Panes.Pane pane = panes.panes[i];
            if (pane.dirty) {
                pane.dirty = false;
                pane.write(buffer);
                byte[] row = Bytes.taken(buffer);
                rows.put(rowKey(buffer, name, family, null, pane.number), row);
            }
        }
    }

    private static byte[] rowKey(ByteBuffer buffer, byte[] name, byte family, byte[] id, long number) {
        Bytes.putText(buffer, name);
        buffer.put(family);
        if (id != null) {
            buffer.put(id);
        } else {
            Bytes.putVar(buffer, number);
        }
        return Bytes.taken(buffer);
    }

    /** Take a stored row back; the key's account name has been read. */
    void read(ByteBuffer key, ByteBuffer row) {
        byte family = key.get();
        if (family == 'H' || family == 'D') {
            (family == 'H' ? hours : days).at(Bytes.getVar(key)).read(row);
        } else if (family >= '0' && family < '0' + TOPICS) {
            Seen there = seen[family - '0'] == null ? seen[family - '0'] = new Seen() : seen[family - '0'];
            there.newest = Math.max(there.newest, Bytes.getVar(row));
            while (row.hasRemaining()) {
                there.add(row.getLong());
            }
            there.storedChunks = there.count / CHUNK;
        } else {
            byte[] name = new byte[key.remaining()];
            key.get(name);
            Entity entity = new Entity(family);
            entity.read(row);
            entities.put(new Key(family, name), entity);
        }
    }
}
