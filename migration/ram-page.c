/* Pages: whether one is zero, whether one was ever touched, and the difference that XBZRLE sends. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ram.h"

enum { PAGE = TARGET_PAGE_SIZE };

typedef uint64_t Vector __attribute__((vector_size(32), aligned(32)));

/* With wide vectors where the CPU has them; the choice is made once, when the program is loaded. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
__attribute__((target_clones("avx2", "default")))
#endif
static bool
rest_is_zero(const Vector *v)
{
    enum { AHEAD = 1024 / sizeof(Vector) };

    for (const Vector *end = v + PAGE / sizeof(Vector); v < end; v += 8) {
        /* The CPU's own prefetching ends with each page; this goes on into the next, most likely zero as well. */
        for (int line = 0; line < 8; line += 2) {
            __builtin_prefetch(v + AHEAD + line);
        }
        Vector x = (v[0] | v[1]) | (v[2] | v[3]) | (v[4] | v[5]) | (v[6] | v[7]);

        if (x[0] | x[1] | x[2] | x[3]) {
            return false;
        }
    }
    return true;
}

bool page_is_zero(const void *page)
{
    const uint64_t *w = page;

    /* Most pages that aren't zero show it at once. */
    if (w[0] | w[PAGE / 16] | w[PAGE / 8 - 1]) {
        return false;
    }
    return rest_is_zero(page);
}

bool ram_untouched_pages(const RAMBlock *block, uint64_t first, uint64_t count, unsigned long *bitmap)
{
    enum { CHUNK = 1024, BITS = 64 };
    static const uint64_t present_or_swapped = 3ull << 62;
    static gsize once;
    static int fd;
    uint64_t entries[CHUNK];

    if (g_once_init_enter(&once)) {
        fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
        g_once_init_leave(&once, 1);
    }
    if (fd < 0 || block->fd >= 0 || block->shared || !block->is_anonymous || sysconf(_SC_PAGESIZE) != PAGE) {
        return false;
    }
    memset(bitmap, 0, (count + BITS - 1) / BITS * sizeof(*bitmap));
    for (uint64_t done = 0; done < count;) {
        uint64_t part = MIN(CHUNK, count - done);
        off_t offset = ((uintptr_t)block->host / PAGE + first + done) * sizeof(entries[0]);

        if (pread(fd, entries, part * sizeof(entries[0]), offset) != (ssize_t)(part * sizeof(entries[0]))) {
            return false;
        }
        for (uint64_t i = 0; i < part; i++) {
            if (!(entries[i] & present_or_swapped)) {
                bitmap[(done + i) / BITS] |= 1ul << (done + i) % BITS;
            }
        }
        done += part;
    }
    return true;
}

/* One or two bytes of seven bits, low ones first. Moves *at on; false at the end or if there is a third. */
static bool get_length(const uint8_t *delta, size_t length, size_t *at, size_t *value)
{
    if (*at >= length) {
        return false;
    }
    *value = delta[(*at)++] & 0x7f;
    if (!(delta[*at - 1] & 0x80)) {
        return true;
    }
    if (*at >= length || (delta[*at] & 0x80)) {
        return false;
    }
    *value |= (size_t)delta[(*at)++] << 7;
    return true;
}

/* Runs: how many bytes stay, how many follow, and those. With page NULL it only checks. */
static bool walk_runs(const uint8_t *delta, size_t length, uint8_t *page)
{
    size_t at = 0, to = 0, same, fresh;

    while (at < length) {
        bool first = at == 0;

        if (!get_length(delta, length, &at, &same) || (same == 0 && !first) || same > PAGE - to) {
            return false;
        }
        to += same;
        if (!get_length(delta, length, &at, &fresh) || fresh == 0 || fresh > PAGE - to || fresh > length - at) {
            return false;
        }
        if (page) {
            memcpy(page + to, delta + at, fresh);
        }
        to += fresh;
        at += fresh;
    }
    return true;
}

bool xbzrle_decode(const uint8_t *delta, size_t length, uint8_t *page)
{
    return length <= PAGE && walk_runs(delta, length, NULL) && walk_runs(delta, length, page);
}
