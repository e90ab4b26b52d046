/*
 * Random 4 KiB reads from a virtio-blk device, driven over a qtest socket as a guest's driver would: a queue depth of
 * requests is kept in flight, one qtest command a step. The same program drives godwit and QEMU.
 *
 *     bench-iops SOCKET SECONDS DEPTH        -> completed requests per second
 *
 * The device is at 00:04.0, modern (disable-legacy=on), its memory BAR is BAR 4.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { QUEUE_SIZE = 128, BLOCK = 4096 };
#define ECAM 0xb0000000ull
#define FUNCTION (ECAM + (4 << 15))
#define BAR 0xe0000000ull
#define DESC 0x100000ull
#define AVAIL 0x102000ull
#define USED 0x103000ull
#define HEADERS 0x104000ull
#define STATUSES 0x106000ull
#define DATA 0x200000ull

static int sock;
static char reply[1 << 16];
static size_t filled;

static void die(const char *what)
{
    fprintf(stderr, "bench-iops: %s: %s\n", what, errno ? strerror(errno) : reply);
    exit(1);
}

/* Sends commands (each a line) and reads as many replies; the last one's value is the result. */
static uint64_t command(unsigned lines, const char *text, size_t length)
{
    while (length) {
        ssize_t n = write(sock, text, length);
        if (n <= 0) {
            die("write");
        }
        text += n;
        length -= n;
    }
    uint64_t value = 0;
    while (lines) {
        char *end;
        while (!(end = memchr(reply, '\n', filled))) {
            ssize_t n = read(sock, reply + filled, sizeof(reply) - filled);
            if (n <= 0) {
                die("read");
            }
            filled += n;
        }
        *end = 0;
        if (strncmp(reply, "OK", 2)) {
            errno = 0;
            die("command refused");
        }
        value = reply[2] ? strtoull(reply + 3, NULL, 0) : 0;
        filled -= end + 1 - reply;
        memmove(reply, end + 1, filled);
        lines--;
    }
    return value;
}

static uint64_t say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static uint64_t say(const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    return command(1, line, n);
}

static uint64_t common, notify, device_config;

static void find_registers(void)
{
    say("outl 0xcf8 0x80000064\n");
    say("outl 0xcfc 0\n");
    say("outl 0xcf8 0x80000060\n");
    say("outl 0xcfc %#llx\n", ECAM | 1);
    say("writel %#llx %#llx\n", FUNCTION + 0x20, BAR);
    say("writel %#llx 0\n", FUNCTION + 0x24);
    say("writew %#llx 6\n", FUNCTION + 4);
    uint32_t multiplier = 0;
    for (unsigned cap = say("readb %#llx\n", FUNCTION + 0x34); cap; cap = say("readb %#llx\n", FUNCTION + cap + 1)) {
        if (say("readb %#llx\n", FUNCTION + cap) != 9 || say("readb %#llx\n", FUNCTION + cap + 4) != 4) {
            continue;
        }
        uint64_t at = BAR + say("readl %#llx\n", FUNCTION + cap + 8);
        switch (say("readb %#llx\n", FUNCTION + cap + 3)) {
        case 1: common = at; break;
        case 2: notify = at; multiplier = say("readl %#llx\n", FUNCTION + cap + 16); break;
        case 4: device_config = at; break;
        }
    }
    if (!common || !notify || !device_config) {
        errno = 0;
        die("no virtio capabilities at 00:04.0");
    }
    say("writew %#" PRIx64 " 0\n", common + 0x16);
    notify += say("readw %#" PRIx64 "\n", common + 0x1e) * multiplier;
}

static void start_device(void)
{
    say("writeb %#" PRIx64 " 0\n", common + 0x14);
    say("writeb %#" PRIx64 " 3\n", common + 0x14);
    say("writel %#" PRIx64 " 1\n", common + 8);
    say("writel %#" PRIx64 " 1\n", common + 12);        /* VERSION_1 */
    say("writel %#" PRIx64 " 0\n", common + 8);
    say("writel %#" PRIx64 " 0\n", common + 12);
    say("writeb %#" PRIx64 " 11\n", common + 0x14);
    say("writew %#" PRIx64 " 0\n", common + 0x16);
    say("writew %#" PRIx64 " %u\n", common + 0x18, QUEUE_SIZE);
    const uint64_t rings[] = { DESC, AVAIL, USED };
    for (int i = 0; i < 3; i++) {
        say("writel %#" PRIx64 " %#" PRIx64 "\n", common + 0x20 + 8 * i, rings[i]);
        say("writel %#" PRIx64 " 0\n", common + 0x24 + 8 * i);
    }
    say("writew %#" PRIx64 " 1\n", common + 0x1c);
    say("writeb %#" PRIx64 " 15\n", common + 0x14);
}

static size_t put_hex(char *out, const void *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = bytes;
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    return 2 * n;
}

static void write_memory(uint64_t addr, const void *bytes, size_t n)
{
    char line[8192];
    int at = snprintf(line, sizeof(line), "write %#" PRIx64 " %zu 0x", addr, n);
    at += put_hex(line + at, bytes, n);
    line[at++] = '\n';
    command(1, line, at);
}

struct desc { uint64_t addr; uint32_t len; uint16_t flags, next; };
struct header { uint32_t type, ioprio; uint64_t sector; };

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s SOCKET SECONDS DEPTH\n", argv[0]);
        return 1;
    }
    const double seconds = atof(argv[2]);
    const unsigned depth = atoi(argv[3]);
    struct sockaddr_un where = { .sun_family = AF_UNIX };
    snprintf(where.sun_path, sizeof(where.sun_path), "%s", argv[1]);
    sock = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(sock, (struct sockaddr *)&where, sizeof(where))) {
        die(argv[1]);
    }
    if (depth == 0 || depth * 3 > QUEUE_SIZE) {
        errno = 0;
        die("depth must be 1 to 42");
    }
    find_registers();
    start_device();
    const uint64_t blocks = say("readq %#" PRIx64 "\n", device_config) / 8;

    /* Chain i is descriptors 3i, 3i+1, 3i+2; it is reused as it is, only the header's sector changes. */
    for (unsigned i = 0; i < depth; i++) {
        struct desc chain[3] = {
            { HEADERS + 16 * i, 16, 1, 3 * i + 1 }, { DATA + BLOCK * i, BLOCK, 3, 3 * i + 2 }, { STATUSES + i, 1, 2, 0 } };
        write_memory(DESC + 48 * i, chain, sizeof(chain));
    }
    struct header headers[64] = { { 0 } };
    uint16_t ring[64];
    uint16_t avail = 0;
    uint64_t done = 0;
    unsigned seed = 1;
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    double elapsed;
    do {
        for (unsigned i = 0; i < depth; i++) {
            headers[i] = (struct header){ .type = 0, .sector = (rand_r(&seed) % blocks) * 8 };
        }
        write_memory(HEADERS, headers, 16 * depth);
        for (unsigned i = 0; i < depth; i++) {
            ring[i] = 3 * i;
        }
        /* The free-running index modulo the ring: in one or two runs. */
        unsigned at = avail % QUEUE_SIZE, first = depth < QUEUE_SIZE - at ? depth : QUEUE_SIZE - at;
        write_memory(AVAIL + 4 + 2 * at, ring, 2 * first);
        if (first < depth) {
            write_memory(AVAIL + 4, ring + first, 2 * (depth - first));
        }
        avail += depth;
        say("writew %#llx %u\n", AVAIL + 2, avail);
        say("writew %#" PRIx64 " 0\n", notify);
        while ((uint16_t)say("readw %#llx\n", USED + 2) != avail) {
        }
        done += depth;
        clock_gettime(CLOCK_MONOTONIC, &now);
        elapsed = now.tv_sec - begin.tv_sec + (now.tv_nsec - begin.tv_nsec) / 1e9;
    } while (elapsed < seconds);
    if (say("readb %#llx\n", STATUSES) != 0) {
        errno = 0;
        die("a request failed");
    }
    printf("%.0f\n", done / elapsed);
    return 0;
}
