/*
 * Receiving RAM through a channel that can scatter: pages in a row are read to where they are guessed to belong. Whatever
 * the stream holds, the result is that of reading it through the buffer.
 */
#include "migration/ram-load.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "migration/ram.h"
#include "util/byteorder.h"

enum { PAGE = TARGET_PAGE_SIZE, PAGES = 4 * 1024 * 1024 / PAGE };

typedef struct Source {
    GByteArray *bytes;
    size_t at;
    GRand *rand;            /* how much a call gives; NULL: all that was asked for */
    unsigned scattered;     /* calls with more than one piece */
} Source;

static gssize source_readv(void *opaque, const struct iovec *iov, int count, GError **error)
{
    Source *source = opaque;
    size_t given = 0, most = source->bytes->len - source->at;

    source->scattered += count > 1;
    if (source->rand && most) {
        size_t few = g_rand_int_range(source->rand, 1, g_rand_boolean(source->rand) ? 9000 : 300000);

        most = MIN(most, few);
    }
    for (int i = 0; i < count; i++) {
        size_t part = MIN(iov[i].iov_len, most - given);

        memcpy(iov[i].iov_base, source->bytes->data + source->at + given, part);
        given += part;
    }
    source->at += given;
    return given;
}

static gssize source_read(void *opaque, void *buf, size_t len, GError **error)
{
    return source_readv(opaque, &(struct iovec){ .iov_base = buf, .iov_len = len }, 1, error);
}

static const StreamChannel scattering = { .read = source_read, .readv = source_readv };
static const StreamChannel buffered = { .read = source_read };

typedef struct Fixture {
    MemoryRegion *mr;
    RAMBlock *block;
    GByteArray *bytes;
    bool named;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    f->mr = g_new(MemoryRegion, 1);
    g_assert_true(memory_region_init_ram(f->mr, NULL, "ram", (uint64_t)PAGES * PAGE, NULL));
    f->block = f->mr->ram;
    f->bytes = g_byte_array_new();
}

static void tear_down(Fixture *f, gconstpointer data)
{
    g_byte_array_unref(f->bytes);
    memory_region_destroy(f->mr);
    g_free(f->mr);
}

static void put_word(Fixture *f, uint64_t word)
{
    uint8_t be[8];

    store_be64(be, word);
    g_byte_array_append(f->bytes, be, sizeof(be));
}

static void put_page_word(Fixture *f, uint64_t page, uint64_t flag)
{
    put_word(f, page * PAGE | flag | (f->named ? RAM_FLAG_CONTINUE : 0));
    if (!f->named) {
        g_byte_array_append(f->bytes, (const uint8_t *)"\3ram", 4);
        f->named = true;
    }
}

static void put_page(Fixture *f, uint64_t page, uint8_t seed)
{
    uint8_t bytes[PAGE];

    for (int i = 0; i < PAGE; i++) {
        bytes[i] = (page * 31 + i * 7 + seed) | 1;
    }
    put_page_word(f, page, RAM_FLAG_PAGE);
    g_byte_array_append(f->bytes, bytes, PAGE);
}

static void put_zero(Fixture *f, uint64_t page)
{
    put_page_word(f, page, RAM_FLAG_ZERO);
    g_byte_array_append(f->bytes, (const uint8_t *)"", 1);
}

/* NULL, or the error. What was read counts into *position. */
static char *load(const StreamChannel *channel, Source *source, uint64_t *position)
{
    Stream *s = stream_new(channel, source);
    GError *error = NULL;
    char *message = NULL;

    g_assert_true(ram_load_setup(NULL, NULL));
    if (!ram_load(s, NULL, RAM_VERSION, &error)) {
        message = g_strdup(error->message);
        g_error_free(error);
    }
    *position = stream_position(s);
    stream_close(s, false, NULL);
    return message;
}

/* As a load that failed leaves it: all zero and never touched. */
static void undo(Fixture *f)
{
    ram_load_undo(NULL);
    ram_load_cleanup(NULL);
    for (uint64_t i = 0; i < (uint64_t)PAGES * PAGE; i += PAGE) {
        g_assert_true(page_is_zero(f->block->host + i));
    }
    madvise(f->block->host, (size_t)PAGES * PAGE, MADV_DONTNEED);   /* the look at them was a touch */
}

/* The same bytes through the buffer and scattered: the same memory, position and error. Returns the calls that scattered. */
static unsigned check_same(Fixture *f, GRand *rand)
{
    Source plain = { .bytes = f->bytes, .rand = rand }, direct = plain;
    uint64_t plain_position, direct_position;
    g_autofree char *plain_error = load(&buffered, &plain, &plain_position), *direct_error = NULL;
    g_autofree uint8_t *want = g_memdup2(f->block->host, (gsize)PAGES * PAGE);

    undo(f);
    direct_error = load(&scattering, &direct, &direct_position);
    g_assert_cmpstr(direct_error, ==, plain_error);
    g_assert_cmpuint(direct_position, ==, plain_position);
    g_assert_true(memcmp(f->block->host, want, (gsize)PAGES * PAGE) == 0);
    undo(f);
    return direct.scattered;
}

static void pages_in_a_row_go_where_they_belong(Fixture *f, gconstpointer data)
{
    for (int page = 0; page < PAGES; page++) {
        put_page(f, page, 0);
    }
    put_word(f, RAM_FLAG_EOS);
    g_assert_cmpuint(check_same(f, NULL), >, 8);
}

static void what_was_guessed_wrong_is_taken_back(Fixture *f, gconstpointer data)
{
    for (int page = 0; page < PAGES; page++) {
        if (page % 256 < 100) {
            put_page(f, page, 0);
        } else {
            put_zero(f, page);
        }
    }
    put_page(f, 5, 99);
    put_page(f, 700, 98);
    put_word(f, RAM_FLAG_EOS);
    g_assert_cmpuint(check_same(f, NULL), >, 4);
}

static void put_size(Fixture *f, uint64_t length)
{
    put_word(f, length | RAM_FLAG_MEM_SIZE);
    g_byte_array_append(f->bytes, (const uint8_t *)"\3rom", 4);
    put_word(f, length);
}

static void block_that_shrinks_within_a_run_ends_it(Fixture *f, gconstpointer data)
{
    MemoryRegion *rom = g_new(MemoryRegion, 1);
    GRand *rand = g_rand_new_with_seed(1);

    g_assert_true(memory_region_init_resizeable_rom(rom, NULL, "rom", 50 * PAGE, 200 * PAGE, NULL, NULL));
    put_size(f, 200 * PAGE);
    put_word(f, RAM_FLAG_PAGE);
    g_byte_array_append(f->bytes, (const uint8_t *)"\3rom", 4);
    g_byte_array_set_size(f->bytes, f->bytes->len + PAGE);
    f->named = true;
    for (int page = 1; page < 100; page++) {
        if (page == 40) {
            put_size(f, 50 * PAGE);
        }
        put_page(f, page, 0);
    }
    for (int i = 0; i < 20; i++) {
        Source source = { .bytes = f->bytes, .rand = rand };
        uint64_t position;
        g_autofree char *message = load(&scattering, &source, &position);

        g_assert_cmpstr(message, ==, "Illegal RAM offset 32000");
        undo(f);
        madvise(rom->ram->host, 200 * PAGE, MADV_DONTNEED);
    }
    g_rand_free(rand);
    memory_region_destroy(rom);
    g_free(rom);
}

/* A few hundred pages: runs, jumps, zero pages, pages again; then perhaps bytes changed, or the end missing. */
static void make_random(Fixture *f, GRand *rand)
{
    g_byte_array_set_size(f->bytes, 0);
    f->named = false;
    for (int pieces = g_rand_int_range(rand, 1, 12); pieces > 0; pieces--) {
        int page = g_rand_int_range(rand, 0, PAGES), count = g_rand_int_range(rand, 1, 150);
        bool zero = g_rand_int_range(rand, 0, 4) == 0;
        uint8_t seed = g_rand_int(rand);

        for (; count > 0 && page < PAGES; count--, page++) {
            if (zero) {
                put_zero(f, page);
            } else {
                put_page(f, page, seed);
            }
        }
    }
    put_word(f, RAM_FLAG_EOS);
    switch (g_rand_int_range(rand, 0, 4)) {
    case 0:
        g_byte_array_set_size(f->bytes, g_rand_int_range(rand, 0, f->bytes->len));
        break;
    case 1:
        f->bytes->data[g_rand_int_range(rand, 0, f->bytes->len)] = g_rand_int(rand);
        break;
    }
}

static void any_stream_in_pieces_of_any_size_loads_the_same(Fixture *f, gconstpointer data)
{
    const char *text = g_getenv("SEED");
    guint32 seed = text ? strtoul(text, NULL, 10) : g_random_int();
    GRand *rand = g_rand_new_with_seed(seed);
    unsigned scattered = 0;

    g_test_message("SEED=%u", seed);
    for (int i = 0; i < 300; i++) {
        make_random(f, rand);
        scattered += check_same(f, rand);
    }
    g_assert_cmpuint(scattered, >, 300);
    g_rand_free(rand);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(fn) g_test_add("/ram-load/" #fn, Fixture, NULL, set_up, fn, tear_down)
    ADD(pages_in_a_row_go_where_they_belong);
    ADD(what_was_guessed_wrong_is_taken_back);
    ADD(block_that_shrinks_within_a_run_ends_it);
    ADD(any_stream_in_pieces_of_any_size_loads_the_same);
    return g_test_run();
}
