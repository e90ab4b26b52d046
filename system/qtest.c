/* The qtest server. See system/qtest.h. */
#include "system/qtest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chardev/chardev.h"
#include "hw/core/device.h"
#include "system/clock.h"
#include "system/memory.h"
#include "util/byteorder.h"
#include "util/error.h"
#include "util/units.h"

#define MAX_LINE (64 * MiB)             /* what a peer can make us keep */
#define MAX_TRANSFER (16 * MiB)         /* of one read; its reply is twice as long */
#define MAX_MEMSET (1 * GiB)
#define MAX_WORDS 6
#define MAX_INTERCEPTED_IRQS 256

typedef struct Qtest {
    Chardev *chr;
    FILE *log;                          /* NULL: none */
    gint64 opened;                      /* when, for the log */
    GString *in;                        /* the beginning of a line whose end is still to come */
    size_t scanned;                     /* so much of it has no newline */
    bool skipping;                      /* the rest of a line that was too long */
    GString *out;                       /* replies to the commands of one read */
    bool in_read;                       /* they go out at its end */
    DeviceState *intercepted;
    bool irq_levels[MAX_INTERCEPTED_IRQS];
} Qtest;

/* The words of a line, cut in place. */
typedef struct Command {
    char *words[MAX_WORDS];
    int count;
} Command;

static bool enabled;
static Qtest qtest;

/* Replies and the log. */

static void log_line(char direction, const char *text, size_t length)
{
    double seconds = (double)(g_get_monotonic_time() - qtest.opened) / G_USEC_PER_SEC;

    fprintf(qtest.log, "[%c +%.6f] %.*s\n", direction, seconds, (int)length, text);
    fflush(qtest.log);
}

static void flush_replies(void)
{
    if (qtest.out->len) {
        chardev_write(qtest.chr, qtest.out->str, qtest.out->len);
        g_string_truncate(qtest.out, 0);
    }
}

/* Ends the reply that begins at `start` of the output. */
static void end_reply(size_t start)
{
    if (G_UNLIKELY(qtest.log)) {
        log_line('S', qtest.out->str + start, qtest.out->len - start);
    }
    g_string_append_c(qtest.out, '\n');
    if (!qtest.in_read || qtest.out->len > 256 * KiB) {
        flush_replies();
    }
}

static void reply(const char *text)
{
    size_t start = qtest.out->len;

    g_string_append(qtest.out, text);
    end_reply(start);
}

static void G_GNUC_PRINTF(1, 2) replyf(const char *format, ...)
{
    size_t start = qtest.out->len;
    va_list args;

    va_start(args, format);
    g_string_append_vprintf(qtest.out, format, args);
    va_end(args);
    end_reply(start);
}

static void append_hex(uint64_t value, int digits)
{
    char text[16];

    for (int i = digits - 1; i >= 0; i--, value >>= 4) {
        text[i] = "0123456789abcdef"[value & 15];
    }
    g_string_append_len(qtest.out, text, digits);
}

/* "OK 0x…" with at least `digits`. */
static void reply_value(uint64_t value, int digits)
{
    size_t start = qtest.out->len;

    while (digits < 16 && value >> (4 * digits)) {
        digits++;
    }
    g_string_append_len(qtest.out, "OK 0x", 5);
    append_hex(value, digits);
    end_reply(start);
}

static void fail_arguments(const Command *command)
{
    replyf("FAIL Invalid arguments of '%s'", command->words[0]);
}

/* Numbers as C has them: decimal, 0x…, octal with a leading 0; a sign is taken modulo 2^64, as QEMU does. */
static bool parse_number(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    int digit;

    if (text[0] == '0' && text[1] == 'x' && g_ascii_isxdigit(text[2])) {
        const char *p = text + 2;
        while ((digit = g_ascii_xdigit_value(*p)) >= 0) {
            if (value >> 60) {
                return false;
            }
            value = value << 4 | (unsigned)digit;
            p++;
        }
        *out = value;
        return *p == '\0';
    }
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 0);
    return errno == 0 && end > text && *end == '\0';
}

static bool number_at(const Command *command, int index, uint64_t *out)
{
    return index < command->count && parse_number(command->words[index], out);
}

/* Ports: in{b,w,l} and out{b,w,l}. */

static unsigned width_of(char letter)
{
    return letter == 'b' ? 1 : letter == 'w' ? 2 : letter == 'l' ? 4 : 8;
}

static void do_in(const Command *command)
{
    unsigned size = width_of(command->words[0][2]);
    uint8_t bytes[4] = { 0 };
    uint64_t port;

    if (!number_at(command, 1, &port) || port > 0xffff) {
        fail_arguments(command);
        return;
    }
    address_space_read(&address_space_io, port, bytes, size);
    reply_value(load_le(bytes, size), 4);
}

static void do_out(const Command *command)
{
    unsigned size = width_of(command->words[0][3]);
    uint8_t bytes[8];
    uint64_t port, value;

    if (!number_at(command, 1, &port) || !number_at(command, 2, &value) || port > 0xffff) {
        fail_arguments(command);
        return;
    }
    store_le64(bytes, value);
    address_space_write(&address_space_io, port, bytes, size);
    reply("OK");
}

/* Memory: read{b,w,l,q}, write{b,w,l,q}, and buffers. */

static void do_read_value(const Command *command)
{
    uint64_t addr;

    if (!number_at(command, 1, &addr)) {
        fail_arguments(command);
        return;
    }
    reply_value(address_space_load(&address_space_memory, addr, width_of(command->words[0][4]), NULL), 16);
}

static void do_write_value(const Command *command)
{
    uint64_t addr, value;

    if (!number_at(command, 1, &addr) || !number_at(command, 2, &value)) {
        fail_arguments(command);
        return;
    }
    address_space_store(&address_space_memory, addr, value, width_of(command->words[0][5]));
    reply("OK");
}

static void append_hex_bytes(const uint8_t *bytes, size_t length)
{
    size_t start = qtest.out->len;

    g_string_set_size(qtest.out, start + 2 * length);
    for (size_t i = 0; i < length; i++) {
        qtest.out->str[start + 2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        qtest.out->str[start + 2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
}

static void append_base64(const uint8_t *bytes, size_t length)
{
    size_t start = qtest.out->len;
    int state = 0, save = 0;

    g_string_set_size(qtest.out, start + (length / 3 + 1) * 4 + 4);
    char *text = qtest.out->str + start;
    size_t n = g_base64_encode_step(bytes, length, FALSE, text, &state, &save);
    n += g_base64_encode_close(FALSE, text + n, &state, &save);
    g_string_truncate(qtest.out, start + n);
}

static void read_buffer(const Command *command, const char *prefix, uint64_t least,
                        void (*append)(const uint8_t *bytes, size_t length))
{
    size_t start = qtest.out->len;
    uint8_t small[4096];
    uint64_t addr, length;

    if (!number_at(command, 1, &addr) || !number_at(command, 2, &length) || length < least || length > MAX_TRANSFER) {
        fail_arguments(command);
        return;
    }
    g_autofree uint8_t *large = length > sizeof(small) ? g_malloc(length) : NULL;
    uint8_t *bytes = large ? large : small;
    address_space_read(&address_space_memory, addr, bytes, length);
    g_string_append(qtest.out, prefix);
    append(bytes, length);
    end_reply(start);
}

static void do_read(const Command *command)
{
    read_buffer(command, "OK 0x", 1, append_hex_bytes);
}

static void do_b64read(const Command *command)
{
    read_buffer(command, "OK ", 0, append_base64);
}

/* Writes what there is of `length` bytes and zeroes for the rest. */
static void write_padded(uint64_t addr, const void *bytes, uint64_t there, uint64_t length)
{
    there = MIN(there, length);
    address_space_write(&address_space_memory, addr, bytes, there);
    address_space_set(&address_space_memory, addr + there, 0, length - there);
}

/* Hex digits to bytes, in place; the last one of an odd number is a high half. */
static bool decode_hex(char *text, size_t *length)
{
    uint8_t *out = (uint8_t *)text;
    size_t n = 0;

    for (const char *p = text; *p; n++) {
        int high = g_ascii_xdigit_value(p[0]), low = p[1] ? g_ascii_xdigit_value(p[1]) : 0;
        if (high < 0 || low < 0) {
            return false;
        }
        p += p[1] ? 2 : 1;
        out[n] = (uint8_t)(high << 4 | low);
    }
    *length = n;
    return true;
}

static void do_write(const Command *command)
{
    uint64_t addr, length;
    size_t there;

    if (!number_at(command, 1, &addr) || !number_at(command, 2, &length) || length > MAX_TRANSFER ||
        command->count < 4) {
        fail_arguments(command);
        return;
    }
    char *text = command->words[3];
    if (strlen(text) < 3) {
        reply("ERR invalid argument size");
        return;
    }
    if (text[0] != '0' || text[1] != 'x' || !decode_hex(text + 2, &there)) {
        fail_arguments(command);
        return;
    }
    write_padded(addr, text + 2, there, length);
    reply("OK");
}

static void do_b64write(const Command *command)
{
    uint64_t addr, length;
    size_t there;

    if (!number_at(command, 1, &addr) || !number_at(command, 2, &length) || length > MAX_TRANSFER ||
        command->count < 4) {
        fail_arguments(command);
        return;
    }
    if (strlen(command->words[3]) < 3) {
        reply("ERR invalid argument size");
        return;
    }
    g_base64_decode_inplace(command->words[3], &there);
    address_space_write(&address_space_memory, addr, command->words[3], MIN(there, length));
    reply("OK");
}

static void do_memset(const Command *command)
{
    uint64_t addr, length, value;

    if (!number_at(command, 1, &addr) || !number_at(command, 2, &length) || !number_at(command, 3, &value) ||
        length > MAX_MEMSET) {
        fail_arguments(command);
        return;
    }
    address_space_set(&address_space_memory, addr, (uint8_t)value, length);
    reply("OK");
}

static void do_endianness(const Command *command)
{
    reply("OK little");
}

/* Time. */

static void step_clock(const Command *command, int64_t ns)
{
    replyf("OK %" G_GINT64_FORMAT, clock_step_to(ns));
}

static void do_clock_step(const Command *command)
{
    int64_t now = clock_ns(CLOCK_TYPE_VIRTUAL), deadline = clock_deadline(CLOCK_TYPE_VIRTUAL), target;
    uint64_t ns;

    if (command->count == 1) {
        step_clock(command, deadline == INT64_MAX ? now : MAX(deadline, now));
    } else if (!number_at(command, 1, &ns) || (int64_t)ns < 0 || __builtin_add_overflow(now, (int64_t)ns, &target)) {
        fail_arguments(command);
    } else {
        step_clock(command, target);
    }
}

static void do_clock_set(const Command *command)
{
    uint64_t ns;

    if (!number_at(command, 1, &ns) || (int64_t)ns < 0) {
        fail_arguments(command);
        return;
    }
    step_clock(command, (int64_t)ns);
}

/* Interrupt lines. */

static void irq_changed(void *opaque, int n, int level)
{
    if (n < 0 || n >= MAX_INTERCEPTED_IRQS || qtest.irq_levels[n] == !!level) {
        return;
    }
    qtest.irq_levels[n] = level;
    replyf("IRQ %s %d", level ? "raise" : "lower", n);
}

static DeviceState *find_device(const Command *command)
{
    Object *obj = command->count > 1 ? object_resolve_path(command->words[1], NULL) : NULL;

    if (!obj || !object_dynamic_cast(obj, TYPE_DEVICE)) {
        reply("FAIL Unknown device");
        return NULL;
    }
    return DEVICE(obj);
}

static void do_irq_intercept(const Command *command)
{
    bool out = g_str_has_suffix(command->words[0], "out");
    DeviceState *dev = find_device(command);

    if (!dev) {
        return;
    }
    if (qtest.intercepted && qtest.intercepted != dev) {
        reply("FAIL IRQ intercept already enabled");
        return;
    }
    if (!qtest.intercepted) {
        /* A device without such lines is fine: they never change. */
        device_intercept_irqs(dev, command->count > 2 ? command->words[2] : NULL, out, irq_changed, NULL);
        qtest.intercepted = object_ref(dev);
    }
    reply("OK");
}

static void do_set_irq_in(const Command *command)
{
    uint64_t n, level;

    if (command->count < 5 || !number_at(command, 3, &n) || !number_at(command, 4, &level)) {
        fail_arguments(command);
        return;
    }
    DeviceState *dev = find_device(command);
    if (!dev) {
        return;
    }
    const char *name = strcmp(command->words[2], "unnamed-gpio-in") == 0 ? NULL : command->words[2];
    if (n >= device_irq_in_count(dev, name)) {
        reply("FAIL Unknown IRQ");
        return;
    }
    irq_set(device_irq_in(dev, name, (int)n), (int)level);
    reply("OK");
}

static void do_module_load(const Command *command)
{
    reply("FAIL"); /* there are no modules */
}

/* Commands. */

typedef struct CommandRow {
    const char *name;
    void (*fn)(const Command *command);
    bool needs_accel;
} CommandRow;

static const CommandRow rows[] = {
    { "readl", do_read_value },
    { "writel", do_write_value },
    { "read", do_read },
    { "write", do_write },
    { "readw", do_read_value },
    { "writew", do_write_value },
    { "readb", do_read_value },
    { "writeb", do_write_value },
    { "readq", do_read_value },
    { "writeq", do_write_value },
    { "inl", do_in },
    { "outl", do_out },
    { "inw", do_in },
    { "outw", do_out },
    { "inb", do_in },
    { "outb", do_out },
    { "b64read", do_b64read },
    { "b64write", do_b64write },
    { "memset", do_memset },
    { "endianness", do_endianness },
    { "clock_step", do_clock_step, .needs_accel = true },
    { "clock_set", do_clock_set, .needs_accel = true },
    { "irq_intercept_in", do_irq_intercept },
    { "irq_intercept_out", do_irq_intercept },
    { "set_irq_in", do_set_irq_in },
    { "module_load", do_module_load },
};

static void split(char *line, Command *command)
{
    command->count = 0;
    while (command->count < MAX_WORDS) {
        command->words[command->count++] = line;
        line = strchr(line, ' ');
        if (!line) {
            break;
        }
        *line++ = '\0';
    }
    /* A blank at the end begins no word. */
    while (command->count > 1 && command->words[command->count - 1][0] == '\0') {
        command->count--;
    }
}

static void run_line(char *line, size_t length)
{
    Command command;

    if (G_UNLIKELY(qtest.log)) {
        log_line('R', line, length);
    }
    split(line, &command);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].name, command.words[0]) == 0 && (enabled || !rows[i].needs_accel)) {
            rows[i].fn(&command);
            return;
        }
    }
    replyf("FAIL Unknown command '%.100s'", command.words[0]);
}

/* The character device. */

static size_t can_read(void *opaque)
{
    return 64 * KiB;
}

/* Runs the complete lines of what came so far; the beginning of the next one stays. */
static void run_lines(void)
{
    char *line = qtest.in->str, *end = line + qtest.in->len, *from = line + qtest.scanned, *newline;

    while ((newline = memchr(from, '\n', (size_t)(end - from)))) {
        *newline = '\0';
        if (qtest.skipping) {
            qtest.skipping = false;
            reply("FAIL Line too long");
        } else {
            run_line(line, (size_t)(newline - line));
        }
        from = line = newline + 1;
    }
    g_string_erase(qtest.in, 0, line - qtest.in->str);
    if (qtest.skipping || qtest.in->len > MAX_LINE) {
        qtest.skipping = true;
        g_string_free(qtest.in, TRUE);
        qtest.in = g_string_new(NULL);
    }
    qtest.scanned = qtest.in->len;
}

static void read_bytes(void *opaque, const uint8_t *buf, size_t len)
{
    g_string_append_len(qtest.in, (const char *)buf, (gssize)len);
    qtest.in_read = true;
    run_lines();
    qtest.in_read = false;
    flush_replies();
}

static void chardev_event(void *opaque, ChardevEvent event)
{
    if (event == CHARDEV_OPENED) {
        memset(qtest.irq_levels, 0, sizeof(qtest.irq_levels));
        qtest.opened = g_get_monotonic_time();
        g_string_truncate(qtest.in, 0);
        qtest.scanned = 0;
        qtest.skipping = false;
    }
    if (qtest.log && event == CHARDEV_OPENED) {
        fprintf(qtest.log, "[I 0.000000] OPENED\n");
        fflush(qtest.log);
    } else if (qtest.log && event == CHARDEV_CLOSED) {
        log_line('I', "CLOSED", strlen("CLOSED"));
    }
}

void qtest_enable(void)
{
    enabled = true;
    clock_virtual_manual();
}

bool qtest_enabled(void)
{
    return enabled;
}

static bool open_log(const char *path, GError **error)
{
    if (!path) {
        qtest.log = stderr;
        return true;
    }
    if (strcmp(path, "none") == 0 || strcmp(path, "/dev/null") == 0) {
        return true; /* nothing is written, nothing need be formatted */
    }
    qtest.log = fopen(path, "we");
    return qtest.log || error_set_errno(error, errno, "Could not open '%s'", path);
}

bool qtest_init(const char *chardev, const char *log, GError **error)
{
    static const ChardevFrontend frontend = { .can_read = can_read, .read = read_bytes, .event = chardev_event };

    qtest.chr = chardev_new_short("qtest", chardev, error);
    if (!qtest.chr || !open_log(log, error)) {
        return false;
    }
    qtest.in = g_string_sized_new(4096);
    qtest.out = g_string_sized_new(4096);
    qtest.opened = g_get_monotonic_time();
    return chardev_attach(qtest.chr, &frontend, NULL, error);
}
