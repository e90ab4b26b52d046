/*
 * Bad streams, many, into one machine: the one that a command line makes, in this process.
 *
 *     RELEASE=8.0 load-streams [--at OFFSET,…] [--cuts N] [--mutations N] [--seed N] STREAM -- -M pc-q35-7.2 …
 *
 * The stream is loaded as it is, cut off at each OFFSET and at N random places, and with N random changes. Every cut before its
 * end must be refused, and whatever came before, the good stream still loads and comes back as it was. Nothing may take
 * longer than TOO_LONG, or more memory than MORE_MEMORY beyond what the good stream took.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "system/setup.h"
#include "tests/lib/mutate.h"
#include "tests/lib/whole-machine.h"

enum { TOO_LONG = 60 /* s */, MORE_MEMORY = 64 * 1024 /* KiB */, CHECK_EVERY = 1000, SAVE_EVERY = 8 };

static GByteArray *good;
static unsigned loads, refused;

static void load(const uint8_t *bytes, size_t length, bool must_fail)
{
    g_autofree char *message = NULL;

    alarm(TOO_LONG);
    message = whole_machine_load(bytes, length);
    loads++;
    refused += message != NULL;
    if (must_fail && !message) {
        g_error("a stream of %zu bytes was taken", length);
    }
    if (!message && loads % SAVE_EVERY == 0) {
        g_byte_array_unref(whole_machine_save()); /* what was taken can be saved */
    }
    if (loads % CHECK_EVERY == 0 && bytes != good->data) {
        load(good->data, good->len, false);
    }
}

static void check_good_comes_back(void)
{
    g_autofree char *message = whole_machine_load(good->data, good->len);
    g_autoptr(GByteArray) again = NULL;

    if (message) {
        g_error("the good stream is refused: %s", message);
    }
    again = whole_machine_save();
    if (again->len != good->len || memcmp(again->data, good->data, good->len) != 0) {
        g_error("the good stream does not come back as it was");
    }
}

/* What follows EOF is a description that a stream may lack. */
static size_t end_of(const GByteArray *stream)
{
    const uint8_t *json = memmem(stream->data, stream->len, "{\"page_size\"", 12);

    json = json ? json : memmem(stream->data, stream->len, "{ \"page_size\"", 13);
    return json ? json - stream->data - 5 : stream->len;
}

/* A copy of its own length, so that a sanitizer sees what is read beyond. */
static void load_cut(size_t length)
{
    g_autofree uint8_t *copy = g_memdup2(good->data, length);

    load(copy, length, length < end_of(good));
}

static void cut(const char *at, unsigned count, GRand *rand)
{
    g_auto(GStrv) offsets = g_strsplit(at ? at : "", ",", 0);

    for (char **offset = offsets; *offset; offset++) {
        size_t length = strtoul(*offset, NULL, 0);

        for (int d = -1; d <= 1; d++) {
            load_cut(MIN(length + d, good->len));
        }
    }
    while (count--) {
        load_cut(g_rand_int_range(rand, 0, good->len));
    }
}

static void mutate(unsigned count, GRand *rand)
{
    /* The description is read for its ledger only: half of the changes are before it. */
    size_t end = end_of(good);

    while (count--) {
        g_autoptr(GByteArray) bytes = g_byte_array_sized_new(good->len);
        g_autofree uint8_t *copy = NULL;

        g_byte_array_append(bytes, good->data, g_rand_boolean(rand) ? end : good->len);
        mutate_bytes(bytes, rand);
        copy = g_memdup2(bytes->data, bytes->len);
        load(copy, bytes->len, false);
    }
}

static void make_machine(int argc, char **argv)
{
    static Config config;

    if (!options_parse(&config, argc, argv)) {
        exit(1);
    }
    main_loop_init();
    compat_install(release);
    memory_init();
    if (!setup_chardevs(&config) || !setup_machine(&config)) {
        exit(1);
    }
}

static GByteArray *read_stream(const char *path)
{
    char *contents;
    gsize length;

    if (!g_file_get_contents(path, &contents, &length, NULL)) {
        g_error("can't read %s", path);
    }
    return g_byte_array_new_take((guint8 *)contents, length);
}

static long peak_memory(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

int main(int argc, char **argv)
{
    const char *at = NULL, *path = NULL;
    unsigned cuts = 0, mutations = 0, seed = g_random_int();
    long memory;
    GRand *rand;
    int i;

    for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (i + 1 < argc && strcmp(argv[i], "--at") == 0) {
            at = argv[++i];
        } else if (i + 1 < argc && strcmp(argv[i], "--cuts") == 0) {
            cuts = strtoul(argv[++i], NULL, 10);
        } else if (i + 1 < argc && strcmp(argv[i], "--mutations") == 0) {
            mutations = strtoul(argv[++i], NULL, 10);
        } else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0) {
            seed = strtoul(argv[++i], NULL, 10);
        } else {
            path = argv[i];
        }
    }
    if (!path || i == argc) {
        fprintf(stderr, "usage: %s [--at OFFSETS] [--cuts N] [--mutations N] [--seed N] STREAM -- ARGUMENTS\n", argv[0]);
        return 1;
    }
    good = read_stream(path);
    make_machine(argc - i, argv + i);
    check_good_comes_back();
    memory = peak_memory();
    rand = g_rand_new_with_seed(seed);
    cut(at, cuts, rand);
    mutate(mutations, rand);
    check_good_comes_back();
    printf("seed %u: %u of %u refused, %ld KiB more memory\n", seed, refused, loads, peak_memory() - memory);
    if (!getenv("ASAN_OPTIONS") && peak_memory() - memory > MORE_MEMORY) {
        g_error("it took %ld KiB more memory", peak_memory() - memory);
    }
    fflush(NULL);
    _exit(0); /* what a machine holds is not taken down here */
}
