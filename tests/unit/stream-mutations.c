/*
 * Bad streams of a whole machine: cut off anywhere, or with bytes changed. None may crash, hang or leave a machine that
 * can't take a good one. MUTATIONS=100000 makes it thorough, SEED= repeats a run, --write FILE writes the good stream.
 */
#include <stdlib.h>
#include <sys/resource.h>

#include "tests/lib/mutate.h"
#include "tests/lib/whole-machine.h"

static GByteArray *good;

static unsigned count(unsigned otherwise)
{
    const char *text = g_getenv("MUTATIONS");

    return text ? strtoul(text, NULL, 10) : otherwise;
}

static GRand *seeded(void)
{
    const char *text = g_getenv("SEED");
    guint32 seed = text ? strtoul(text, NULL, 10) : g_random_int();

    g_test_message("SEED=%u", seed);
    return g_rand_new_with_seed(seed);
}

static void check_good_loads(void)
{
    g_autofree char *message = whole_machine_load(good->data, good->len);

    g_assert_cmpstr(message, ==, NULL);
}

static void good_stream_comes_back_the_same(void)
{
    g_autoptr(GByteArray) again = NULL;

    check_good_loads();
    again = whole_machine_save();
    g_assert_cmpuint(again->len, ==, good->len);
}

static void stream_cut_off_anywhere_is_refused(void)
{
    GRand *rand = seeded();
    const uint8_t *json = memmem(good->data, good->len, "{\"page_size\"", 12);
    size_t end = json - good->data - 5;     /* what follows EOF may be missing */

    for (unsigned i = 0; i < count(2000) / 10; i++) {
        size_t length = g_rand_int_range(rand, 0, end);
        g_autofree char *message = whole_machine_load(good->data, length);

        g_assert_nonnull(message);
    }
    g_rand_free(rand);
    check_good_loads();
}

static void changed_stream_neither_crashes_nor_hangs(void)
{
    GRand *rand = seeded();
    unsigned refused = 0, n = count(2000);

    for (unsigned i = 0; i < n; i++) {
        g_autoptr(GByteArray) bytes = g_byte_array_sized_new(good->len);
        g_autofree char *message = NULL;

        g_byte_array_append(bytes, good->data, good->len);
        mutate_bytes(bytes, rand);
        message = whole_machine_load(bytes->data, bytes->len);
        refused += message != NULL;
    }
    g_test_message("%u of %u refused", refused, n);
    g_rand_free(rand);
    check_good_loads();
}

static void memory_stays_bounded(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    /* The machine has 1 MiB; a sanitizer has its own. */
    if (!g_getenv("ASAN_OPTIONS")) {
        g_assert_cmpint(usage.ru_maxrss, <, 512 * 1024);
    }
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    whole_machine_make("pc-q35-8.2");
    good = whole_machine_save();
    if (argc == 3 && strcmp(argv[1], "--write") == 0) {
        return g_file_set_contents(argv[2], (char *)good->data, good->len, NULL) ? 0 : 1;
    }
#define ADD(fn) g_test_add_func("/stream-mutations/" #fn, fn)
    ADD(good_stream_comes_back_the_same);
    ADD(stream_cut_off_anywhere_is_refused);
    ADD(changed_stream_neither_crashes_nor_hangs);
    ADD(memory_stays_bounded);
    status = g_test_run();
    g_byte_array_unref(good);
    return status;
}
