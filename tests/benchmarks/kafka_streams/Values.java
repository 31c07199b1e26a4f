/** The values of an account at T: seven KPIs over five windows, from its panes in one pass. */
final class Values {
    static final String[] KPIS = {"first_response_time.mean", "first_response_time.p90", "response_time.mean",
        "resolution_rate", "conversion_rate", "revenue", "interaction_frequency"};
    static final String[] WINDOWS = {"24h", "7d", "30d", "90d", "365d"};
    static final int FIELDS = KPIS.length * WINDOWS.length;
    static final byte[][] NAMES = new byte[FIELDS][];
    private static final double GROWTH = 1.0185, LOG = Math.log(GROWTH), BASE = Math.log(1000);
    private static final int BUCKETS = 4096;

    static {
        for (int field = 0; field < FIELDS; field++) {
            NAMES[field] = Bytes.utf8(KPIS[field / WINDOWS.length] + ":" + WINDOWS[field % WINDOWS.length]);
        }
    }

    private final long[] sums = new long[Panes.SUMS];
    private final int[] counts = new int[BUCKETS];
    private int lowest, highest;
    /** The values; NaN is null. */
    final double[] values = new double[FIELDS];
    /** T from which on these values are no longer right. */
    long due;

    static int bucket(long ms) {
        return ms <= 1000 ? (int) Math.max(ms, 0) : 1000 + (int) Math.ceil((Math.log(ms) - BASE) / LOG);
    }

    void compute(Account account, long time) {
        due = Long.MAX_VALUE;
        clear();
        long hour = time / Account.HOUR, day = time / Account.DAY;
        window(account.hours, hour - 23, hour, account.hours.end, 24, Account.HOUR);
        put(0, 1);
        clear();
        int next = account.days.end;
        for (int window = 0; window < Account.WINDOWS.length; window++) {
            int length = Account.WINDOWS[window];
            next = window(account.days, day - length + 1, day, next, length, Account.DAY);
            put(window + 1, length);
        }
    }

    /** Add the panes before ``from`` down to ``oldest``; where the next older window goes on. */
    private int window(Panes panes, long oldest, long newest, int from, int length, long width) {
        int i = from - 1;
        for (; i >= panes.first && panes.panes[i].number >= oldest; i--) {
            Panes.Pane pane = panes.panes[i];
            for (int sum = 0; sum < Panes.SUMS; sum++) {
                sums[sum] += pane.sums[sum];
            }
            for (int each = 0; each < pane.used; each++) {
                int bucket = pane.buckets[each];
                counts[bucket] += pane.counts[each];
                lowest = Math.min(lowest, bucket);
                highest = Math.max(highest, bucket);
            }
        }
        if (i + 1 < panes.end) {
            due = Math.min(due, (panes.panes[i + 1].number + length) * width);
        }
        return i + 1;
    }

    private void clear() {
        java.util.Arrays.fill(sums, 0);
        if (highest >= lowest) {
            java.util.Arrays.fill(counts, lowest, highest + 1, 0);
        }
        lowest = BUCKETS;
        highest = -1;
    }

    private void put(int window, int days) {
        int step = WINDOWS.length;
        values[window] = mean(Panes.FIRST_MS, Panes.FIRST_N);
        values[step + window] = percentile(sums[Panes.FIRST_N]);
        values[2 * step + window] = mean(Panes.RESPONSE_MS, Panes.RESPONSE_N);
        values[3 * step + window] = ratio(Panes.TICKET_RESOLVED, Panes.TICKET_N);
        values[4 * step + window] = ratio(Panes.CLOSED_WON, Panes.CLOSED_N);
        values[5 * step + window] = sums[Panes.WON_MINOR] / 100.0;
        values[6 * step + window] = (double) (sums[Panes.INTERACTION_N] * 7) / days;
    }

    private double mean(int ms, int n) {
        return sums[n] == 0 ? Double.NaN : (double) sums[ms] / (1000.0 * sums[n]);
    }

    private double ratio(int part, int whole) {
        return sums[whole] == 0 ? Double.NaN : (double) sums[part] / sums[whole];
    }

    private double percentile(long total) {
        if (total == 0) {
            return Double.NaN;
        }
        long place = (total * 90 + 99) / 100;
        for (int bucket = lowest; bucket <= highest; bucket++) {
            place -= counts[bucket];
            if (place <= 0) {
                return middle(bucket) / 1000.0;
            }
        }
        return Double.NaN;
    }

    private static double middle(int bucket) {
        if (bucket <= 1000) {
            return bucket;
        }
        return Math.rint(2 * (1000 * Math.pow(GROWTH, bucket - 1000)) / (1 + GROWTH));
    }
}
