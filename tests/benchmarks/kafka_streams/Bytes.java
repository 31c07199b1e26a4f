import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Numbers and texts in rows: zigzag varints, and texts with their length before them. */
final class Bytes {
    private Bytes() {}

    static void putVar(ByteBuffer out, long value) {
        long bits = (value << 1) ^ (value >> 63);
        while ((bits & ~0x7FL) != 0) {
            out.put((byte) (bits & 0x7F | 0x80));
            bits >>>= 7;
        }
        out.put((byte) bits);
    }

    static long getVar(ByteBuffer in) {
        long bits = 0;
        for (int shift = 0; ; shift += 7) {
            byte next = in.get();
            bits |= (long) (next & 0x7F) << shift;
            if (next >= 0) {
                return (bits >>> 1) ^ -(bits & 1);
            }
        }
    }

    static void putText(ByteBuffer out, byte[] text) {
        putVar(out, text.length);
        out.put(text);
    }

    static byte[] getText(ByteBuffer in) {
        byte[] text = new byte[(int) getVar(in)];
        in.get(text);
        return text;
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static byte[] taken(ByteBuffer out) {
        byte[] row = new byte[out.position()];
        System.arraycopy(out.array(), 0, row, 0, row.length);
        out.clear();
        return row;
    }
}
