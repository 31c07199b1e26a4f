import java.nio.ByteBuffer;
import java.util.Arrays;

/** The sums of one account in panes of one width (hours or days), sorted; late facts land in their own pane. */
final class Panes {
    /** What is summed: number and amount of each kind of fact. */
    static final int FIRST_N = 0, FIRST_MS = 1, RESPONSE_N = 2, RESPONSE_MS = 3, TICKET_N = 4, TICKET_RESOLVED = 5,
        CLOSED_N = 6, CLOSED_WON = 7, WON_N = 8, WON_MINOR = 9, INTERACTION_N = 10, SUMS = 11;

    static final class Pane {
        final long number;
        final long[] sums = new long[SUMS];
        /** First response times: bucket and count, sorted by bucket. */
        int[] buckets = EMPTY;
        int[] counts = EMPTY;
        int used;
        boolean dirty;

        Pane(long number) {
            this.number = number;
        }

        void count(int bucket, int by) {
            int at = Arrays.binarySearch(buckets, 0, used, bucket);
            if (at >= 0) {
                counts[at] += by;
                return;
            }
            at = -at - 1;
            if (used == buckets.length) {
                int size = used == 0 ? 2 : used * 2;
                buckets = Arrays.copyOf(buckets, size);
                counts = Arrays.copyOf(counts, size);
            }
            System.arraycopy(buckets, at, buckets, at + 1, used - at);
            System.arraycopy(counts, at, counts, at + 1, used - at);
            buckets[at] = bucket;
            counts[at] = by;
            used++;
        }

        void write(ByteBuffer out) {
            for (long sum : sums) {
                Bytes.putVar(out, sum);
            }
            Bytes.putVar(out, used);
            for (int i = 0; i < used; i++) {
                Bytes.putVar(out, buckets[i]);
                Bytes.putVar(out, counts[i]);
            }
        }

        void read(ByteBuffer in) {
            for (int i = 0; i < SUMS; i++) {
                sums[i] = Bytes.getVar(in);
            }
            used = (int) Bytes.getVar(in);
            buckets = new int[used];
            counts = new int[used];
            for (int i = 0; i < used; i++) {
                buckets[i] = (int) Bytes.getVar(in);
                counts[i] = (int) Bytes.getVar(in);
            }
        }
    }

    private static final int[] EMPTY = {};
    Pane[] panes = new Pane[2];
    int first;
    int end;

    /** The pane of this number, made if it is missing; searched from the newest, where nearly all facts go. */
    Pane at(long number) {
        int place = end;
        while (place > first && panes[place - 1].number >= number) {
            place--;
        }
        if (place < end && panes[place].number == number) {
            return panes[place];
        }
        if (end == panes.length) {
            Pane[] into = end - first > panes.length / 2 ? new Pane[panes.length * 2] : panes;
            System.arraycopy(panes, first, into, 0, end - first);
            place -= first;
            Arrays.fill(into, end - first, Math.min(into.length, Math.max(end, end - first)), null);
            end -= first;
            first = 0;
            panes = into;
        }
        System.arraycopy(panes, place, panes, place + 1, end - place);
        panes[place] = new Pane(number);
        end++;
        return panes[place];
    }

    /** Forget the oldest pane. */
    Pane removeFirst() {
        Pane pane = panes[first];
        panes[first++] = null;
        return pane;
    }

    boolean isEmpty() {
        return first == end;
    }
}
