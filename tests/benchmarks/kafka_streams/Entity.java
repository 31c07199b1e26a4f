import java.nio.ByteBuffer;
import java.util.Arrays;

/** The events of one ticket, deal or thread, in the order of (time, rank, id); its facts are derived from all of them. */
final class Entity {
    /** Facts: what happened, when, and an amount (milliseconds, minor units, a flag). */
    static final class Facts {
        static final int FIRST = 0, RESPONSE = 1, TICKET = 2, CLOSED = 3, WON = 4;
        int count;
        int[] kind = new int[64];
        long[] time = new long[64];
        long[] amount = new long[64];

        void add(int kind, long time, long amount) {
            if (count == this.kind.length) {
                this.kind = Arrays.copyOf(this.kind, count * 2);
                this.time = Arrays.copyOf(this.time, count * 2);
                this.amount = Arrays.copyOf(this.amount, count * 2);
            }
            this.kind[count] = kind;
            this.time[count] = time;
            this.amount[count++] = amount;
        }

        boolean same(Facts other, int i) {
            return kind[i] == other.kind[i] && time[i] == other.time[i] && amount[i] == other.amount[i];
        }
    }

    private static final int AGENT = 1, CUSTOMER = 2, PUBLIC = 4, INBOUND = 8;
    private static final long HORIZON = 800L * 86_400_000;
    final byte family;
    private int count;
    private byte[] types = new byte[4];
    private byte[] flags = new byte[4];
    private long[] times = new long[4];
    private byte[][] ids = new byte[4][];
    private long[] amounts;
    boolean dirty;

    Entity(byte family) {
        this.family = family;
    }

    void add(Event event) {
        int place = count;
        while (place > 0 && before(event, place - 1)) {
            place--;
        }
        int flag = (event.agent ? AGENT : 0) | (event.customer ? CUSTOMER : 0) | (event.isPublic ? PUBLIC : 0)
            | (event.inbound ? INBOUND : 0);
        insert(place, event.type, flag, event.time, event.amount, event.id);
    }

    private boolean before(Event event, int other) {
        if (event.time != times[other]) {
            return event.time < times[other];
        }
        int rank = Event.RANK[event.type], theirs = Event.RANK[types[other]];
        return rank != theirs ? rank < theirs : Arrays.compareUnsigned(event.id, ids[other]) < 0;
    }

    private void insert(int place, int type, int flag, long time, long amount, byte[] id) {
        if (count == types.length) {
            int size = count * 2;
            types = Arrays.copyOf(types, size);
            flags = Arrays.copyOf(flags, size);
            times = Arrays.copyOf(times, size);
            ids = Arrays.copyOf(ids, size);
            amounts = amounts == null ? null : Arrays.copyOf(amounts, size);
        }
        if (amount != Event.NO_AMOUNT && amounts == null) {
            amounts = new long[types.length];
            Arrays.fill(amounts, Event.NO_AMOUNT);
        }
        int rest = count - place;
        if (rest > 0) {
            System.arraycopy(types, place, types, place + 1, rest);
            System.arraycopy(flags, place, flags, place + 1, rest);
            System.arraycopy(times, place, times, place + 1, rest);
            System.arraycopy(ids, place, ids, place + 1, rest);
            if (amounts != null) {
                System.arraycopy(amounts, place, amounts, place + 1, rest);
            }
        }
        types[place] = (byte) type;
        flags[place] = (byte) flag;
        times[place] = time;
        ids[place] = id;
        if (amounts != null) {
            amounts[place] = amount;
        }
        count++;
    }

    void derive(Facts facts) {
        facts.count = 0;
        if (family == 'd') {
            deal(facts);
        } else if (family == 't') {
            ticket(facts);
        } else {
            thread(facts);
        }
    }

    private void ticket(Facts facts) {
        int i = 0;
        while (i < count && types[i] != Event.TICKET_OPENED) {
            i++;
        }
        if (i == count) {
            return;
        }
        long opened = times[i], waits = -1, before = opened;
        boolean byCustomer = (flags[i] & CUSTOMER) != 0, resolved = false, replied = false;
        waits = byCustomer ? opened : -1;
        for (i++; i < count; before = times[i++]) {
            int flag = flags[i];
            if (types[i] == Event.TICKET_OPENED) {
                continue;
            }
            if (resolved && times[i] - before > HORIZON) {
                break;
            }
            switch (types[i]) {
                case Event.TICKET_REPLIED:
                    if ((flag & PUBLIC) == 0) {
                        break;
                    }
                    if ((flag & CUSTOMER) != 0) {
                        waits = waits < 0 ? times[i] : waits;
                    } else if ((flag & AGENT) != 0) {
                        if (!replied && byCustomer) {
                            facts.add(Facts.FIRST, times[i], times[i] - opened);
                        }
                        replied = true;
                        if (waits >= 0) {
                            facts.add(Facts.RESPONSE, times[i], times[i] - waits);
                            waits = -1;
                        }
                    }
                    break;
                case Event.TICKET_RESOLVED:
                    resolved = true;
                    waits = -1;
                    break;
                default:
                    resolved = false;
                    waits = waits < 0 ? times[i] : waits;
            }
        }
        facts.add(Facts.TICKET, opened, resolved ? 1 : 0);
    }

    private void deal(Facts facts) {
        int i = 0;
        while (i < count && types[i] != Event.DEAL_OPENED) {
            i++;
        }
        if (i == count) {
            return;
        }
        long amount = amount(i), before = times[i];
        int closing = -1;
        for (i++; i < count; before = times[i++]) {
            if (types[i] == Event.DEAL_OPENED) {
                continue;
            }
            if (closing >= 0 && times[i] - before > HORIZON) {
                break;
            }
            long given = amount(i);
            amount = given == Event.NO_AMOUNT ? amount : given;
            closing = types[i] == Event.DEAL_REOPENED ? -1 : types[i] == Event.DEAL_UPDATED ? closing : i;
        }
        if (closing >= 0) {
            boolean won = types[closing] == Event.DEAL_WON;
            facts.add(Facts.CLOSED, times[closing], won ? 1 : 0);
            if (won) {
                facts.add(Facts.WON, times[closing], Math.max(0, amount));
            }
        }
    }

    private long amount(int i) {
        return amounts == null ? Event.NO_AMOUNT : amounts[i];
    }

    private void thread(Facts facts) {
        long waits = -1;
        for (int i = 0; i < count; i++) {
            if ((flags[i] & INBOUND) != 0) {
                waits = waits < 0 ? times[i] : waits;
            } else if (waits >= 0) {
                facts.add(Facts.RESPONSE, times[i], times[i] - waits);
                waits = -1;
            }
        }
    }

    void write(ByteBuffer out) {
        Bytes.putVar(out, count);
        long last = 0;
        for (int i = 0; i < count; i++) {
            out.put(types[i]).put(flags[i]);
            Bytes.putVar(out, times[i] - last);
            Bytes.putVar(out, amount(i));
            Bytes.putText(out, ids[i]);
            last = times[i];
        }
    }

    void read(ByteBuffer in) {
        long last = 0;
        for (int left = (int) Bytes.getVar(in); left > 0; left--) {
            int type = in.get(), flag = in.get();
            last += Bytes.getVar(in);
            insert(count, type, flag, last, Bytes.getVar(in), Bytes.getText(in));
        }
    }
}
