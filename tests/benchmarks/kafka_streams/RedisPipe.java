import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.math.BigDecimal;
import java.net.Socket;
import java.net.URI;

/** One connection that sends many HSET and HDEL at once and reads their answers after it. */
final class RedisPipe {
    private final Socket socket;
    private final OutputStream out;
    private final InputStream in;
    private byte[] buffer = new byte[1 << 20];
    private int used, awaited;

    RedisPipe(URI uri) throws IOException {
        socket = new Socket(uri.getHost(), uri.getPort());
        socket.setTcpNoDelay(true);
        out = socket.getOutputStream();
        in = new BufferedInputStream(socket.getInputStream(), 1 << 16);
    }

    /** Write the values that differ from those before (null: all); NaN is null, whose field is removed. */
    void write(byte[] key, double[] values, double[] before) throws IOException {
        int set = 0, gone = 0;
        for (int i = 0; i < values.length; i++) {
            if (before == null ? !Double.isNaN(values[i]) : Double.compare(values[i], before[i]) != 0) {
                if (Double.isNaN(values[i])) {
                    gone++;
                } else {
                    set++;
                }
            }
        }
        if (set > 0) {
            command("HSET", 2 + 2 * set, key);
            each(values, before, false);
        }
        if (gone > 0) {
            command("HDEL", 2 + gone, key);
            each(values, before, true);
        }
        if (used > buffer.length / 2) {
            send();
        }
        if (awaited > 5_000) {
            await();
        }
    }

    private void each(double[] values, double[] before, boolean gone) {
        for (int i = 0; i < values.length; i++) {
            boolean isNull = Double.isNaN(values[i]);
            boolean differs = before == null ? !isNull : Double.compare(values[i], before[i]) != 0;
            if (differs && isNull == gone) {
                bulk(Values.NAMES[i]);
                if (!gone) {
                    bulk(text(values[i]));
                }
            }
        }
    }

    private void command(String name, int parts, byte[] key) {
        room(64);
        buffer[used++] = '*';
        number(parts);
        bulk(Bytes.utf8(name));
        bulk(key);
        awaited++;
    }

    private void bulk(byte[] text) {
        room(text.length + 32);
        buffer[used++] = '$';
        number(text.length);
        System.arraycopy(text, 0, buffer, used, text.length);
        used += text.length;
        buffer[used++] = '\r';
        buffer[used++] = '\n';
    }

    private void number(int value) {
        if (value >= 10) {
            for (byte digit : Bytes.utf8(Integer.toString(value))) {
                buffer[used++] = digit;
            }
        } else {
            buffer[used++] = (byte) ('0' + value);
        }
        buffer[used++] = '\r';
        buffer[used++] = '\n';
    }

    private void room(int wanted) {
        if (used + wanted > buffer.length) {
            buffer = java.util.Arrays.copyOf(buffer, buffer.length * 2);
        }
    }

    /** Plain decimal, shortest digits, no exponent. */
    static byte[] text(double value) {
        long whole = (long) value;
        if (whole == value) {
            return Bytes.utf8(Long.toString(whole));
        }
        String text = Double.toString(value);
        return Bytes.utf8(text.indexOf('E') < 0 ? text : new BigDecimal(text).toPlainString());
    }

    void send() throws IOException {
        out.write(buffer, 0, used);
        used = 0;
    }

    void await() throws IOException {
        send();
        for (; awaited > 0; awaited--) {
            int first = in.read();
            if (first != ':') {
                throw new IOException("Redis answered " + (char) first);
            }
            while (in.read() != '\n') { }
        }
    }

    void close() throws IOException {
        socket.close();
    }
}
