import java.util.Arrays;

/**
 * One event, read from its JSON in one pass over the bytes without making objects for what is not kept. The same object
 * is used again for the next record.
 */
final class Event {
    static final int OTHER = 0, TICKET_OPENED = 1, TICKET_REPLIED = 2, TICKET_RESOLVED = 3, TICKET_REOPENED = 4,
        DEAL_OPENED = 5, DEAL_UPDATED = 6, DEAL_WON = 7, DEAL_LOST = 8, DEAL_REOPENED = 9, INTERACTION = 10;
    private static final String[] TYPES = {"", "ticket.opened", "ticket.replied", "ticket.resolved", "ticket.reopened",
        "deal.opened", "deal.updated", "deal.won", "deal.lost", "deal.reopened", "interaction.logged"};
    private static final byte[][] TYPE_BYTES = Arrays.stream(TYPES).map(Bytes::utf8).toArray(byte[][]::new);
    /** Order at equal times. */
    static final int[] RANK = {0, 0, 2, 4, 3, 0, 1, 4, 4, 3, 2};
    static final long NO_AMOUNT = -1;

    int type;
    long time;
    long amount;
    byte[] id;
    long idHash;
    byte[] entity;
    /** Said by an agent, by the customer, by a bot; opened by the customer; inbound. */
    boolean agent, customer, isPublic, automated, inbound;

    private byte[] json;
    private int at;
    private int textFrom, textTo;

    boolean read(byte[] value) {
        json = value;
        at = 0;
        type = OTHER;
        amount = NO_AMOUNT;
        entity = null;
        id = null;
        idHash = 0xcbf29ce484222325L;
        agent = automated = inbound = false;
        customer = isPublic = true;
        expect('{');
        do {
            text();
            int from = textFrom, length = textTo - textFrom;
            expect(':');
            if (length == 2 && json[from] == 'i') {
                text();
                id = copy();
                hash();
            } else if (length == 4 && json[from] == 't' && json[from + 1] == 'y') {
                text();
                type = typeOf();
            } else if (length == 4 && json[from] == 't') {
                text();
                time = timeOf(textFrom);
            } else if (length == 6 && json[from] == 's' && json[from + 1] == 'o') {
                text();
                hash();
            } else if (length == 4 && json[from] == 'd') {
                data();
            } else {
                skip();
            }
        } while (more('}'));
        return type != OTHER && id != null;
    }

    private void data() {
        expect('{');
        if (peek() == '}') {
            at++;
            return;
        }
        do {
            text();
            int from = textFrom, length = textTo - textFrom;
            expect(':');
            if (length == 9 && matches(from, "ticket_id") || length == 7 && matches(from, "deal_id")
                || length == 9 && matches(from, "thread_id")) {
                text();
                entity = copy();
            } else if (length == 2 && matches(from, "by")) {
                text();
                agent = json[textFrom] == 'a';
                customer = json[textFrom] == 'c';
            } else if (length == 9 && matches(from, "opened_by")) {
                text();
                customer = json[textFrom] == 'c';
            } else if (length == 6 && matches(from, "public")) {
                isPublic = truth();
            } else if (length == 9 && matches(from, "automated")) {
                automated = truth();
            } else if (length == 9 && matches(from, "direction")) {
                text();
                inbound = json[textFrom] == 'i';
            } else if (length == 6 && matches(from, "amount")) {
                amount = minor();
            } else {
                skip();
            }
        } while (more('}'));
    }

    private boolean matches(int from, String name) {
        for (int i = 0; i < name.length(); i++) {
            if (json[from + i] != name.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    private int typeOf() {
        for (int i = 1; i < TYPE_BYTES.length; i++) {
            if (Arrays.equals(json, textFrom, textTo, TYPE_BYTES[i], 0, TYPE_BYTES[i].length)) {
                return i;
            }
        }
        return OTHER;
    }

    private void hash() {
        long hash = idHash;
        for (int i = textFrom; i < textTo; i++) {
            hash = (hash ^ json[i]) * 0x100000001b3L;
        }
        idHash = (hash ^ 0xff) * 0x100000001b3L;
    }

    private byte[] copy() {
        return Arrays.copyOfRange(json, textFrom, textTo);
    }

    /** RFC 3339 with an offset, to epoch milliseconds. */
    private long timeOf(int i) {
        int year = digits(i, 4), month = digits(i + 5, 2), day = digits(i + 8, 2);
        long seconds = digits(i + 11, 2) * 3600L + digits(i + 14, 2) * 60L + digits(i + 17, 2);
        i += 19;
        int millis = 0;
        if (json[i] == '.') {
            int scale = 100;
            for (i++; json[i] >= '0' && json[i] <= '9'; i++) {
                millis += (json[i] - '0') * scale;
                scale /= 10;
            }
        }
        if (json[i] == '+' || json[i] == '-') {
            int offset = digits(i + 1, 2) * 3600 + digits(i + 4, 2) * 60;
            seconds += json[i] == '+' ? -offset : offset;
        }
        // Days since the epoch of a proleptic Gregorian date.
        int y = month <= 2 ? year - 1 : year;
        int era = Math.floorDiv(y, 400), ofEra = y - era * 400;
        int ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
        long days = era * 146097L + ofEra * 365L + ofEra / 4 - ofEra / 100 + ofYear - 719468;
        return (days * 86400 + seconds) * 1000 + millis;
    }

    private int digits(int from, int count) {
        int value = 0;
        for (int i = from; i < from + count; i++) {
            value = value * 10 + json[i] - '0';
        }
        return value;
    }

    /** A number of at most two decimals as minor units. */
    private long minor() {
        blanks();
        long value = 0;
        int decimals = -1;
        for (; at < json.length; at++) {
            byte next = json[at];
            if (next == '.') {
                decimals = 0;
            } else if (next >= '0' && next <= '9') {
                value = value * 10 + next - '0';
                decimals += decimals >= 0 ? 1 : 0;
            } else {
                break;
            }
        }
        return decimals < 1 ? value * 100 : decimals == 1 ? value * 10 : value;
    }

    private boolean truth() {
        boolean value = peek() == 't';
        skip();
        return value;
    }

    // -- JSON

    private void blanks() {
        while (json[at] == ' ' || json[at] == '\n' || json[at] == '\r' || json[at] == '\t') {
            at++;
        }
    }

    private byte peek() {
        blanks();
        return json[at];
    }

    private void expect(char wanted) {
        if (peek() != wanted) {
            throw new IllegalArgumentException("not JSON at " + at);
        }
        at++;
    }

    private boolean more(char close) {
        byte next = peek();
        at++;
        if (next == ',') {
            return true;
        }
        if (next != close) {
            throw new IllegalArgumentException("not JSON at " + at);
        }
        return false;
    }

    private void text() {
        expect('"');
        textFrom = at;
        while (json[at] != '"') {
            at += json[at] == '\\' ? 2 : 1;
        }
        textTo = at++;
    }

    private void skip() {
        byte next = peek();
        if (next == '"') {
            text();
        } else if (next == '{' || next == '[') {
            int depth = 0;
            do {
                next = json[at];
                if (next == '"') {
                    text();
                    continue;
                }
                depth += next == '{' || next == '[' ? 1 : next == '}' || next == ']' ? -1 : 0;
                at++;
            } while (depth > 0);
        } else {
            while (json[at] != ',' && json[at] != '}' && json[at] != ']') {
                at++;
            }
        }
    }
}
