/* Whole machines, small ones: what is written, what is read back, and QEMU's word for each thing that is wrong. */
#include <errno.h>
#include <string.h>

#include "hw/core/compat.h"
#include "migration/ledger-internal.h"
#include "migration/migration.h"
#include "migration/ram.h"
#include "migration/registry.h"
#include "migration/savevm.h"
#include "system/main-loop.h"
#include "system/memory.h"
#include "system/runstate.h"
#include "util/error.h"

enum { PAGE = 4096, RAM_PAGES = 16 };

typedef struct Chip {
    uint32_t a;
    uint8_t b;
} Chip;

static bool chip_sub_needed(void *opaque)
{
    return ((Chip *)opaque)->b != 0;
}
static const VMStateDescription vmstate_chip_sub = {
    .name = "chip/b", .version_id = 1, .minimum_version_id = 1, .needed = chip_sub_needed,
    .fields = VMS_FIELDS(VMS_U8(Chip, b)),
};
static const VMStateDescription vmstate_chip = {
    .name = "chip", .version_id = 2, .minimum_version_id = 2,
    .fields = VMS_FIELDS(VMS_U32(Chip, a)), .subsections = VMS_SUBSECTIONS(&vmstate_chip_sub),
};

static Chip chip;
static MemoryRegion mr, rom;
static uint8_t *mem;

/* A stream, with the ids that the registry gave: ram 2, chip 4. */
static GByteArray *save(void)
{
    Stream *s = stream_new_memory(NULL, 0);
    GError *error = NULL;
    GByteArray *bytes;

    g_assert_true(savevm_machine(s, &error));
    g_assert_no_error(error);
    bytes = stream_memory_take(s);
    stream_close(s, true, NULL);
    return bytes;
}

/* The message ("" for success), the errno in *errnum. */
static char *load(const GByteArray *bytes, int *errnum, char **notes)
{
    Stream *s = stream_new_memory(bytes->len ? (const char *)bytes->data : "", bytes->len);
    g_autoptr(Json) ledger = NULL;
    GError *error = NULL;
    char *message;

    if (loadvm_machine(s, &ledger, &error)) {
        loadvm_commit();
        message = g_strdup("");
        *errnum = 0;
    } else {
        loadvm_undo();
        message = g_strdup(error->message);
        *errnum = vmstate_error_errno(error);
        g_error_free(error);
    }
    if (notes) {
        *notes = g_strdup(stream_notes(s));
    }
    stream_close(s, false, NULL);
    return message;
}

static void check_message(const GByteArray *bytes, const char *want, int want_errnum)
{
    int errnum;
    g_autofree char *message = load(bytes, &errnum, NULL);

    g_assert_cmpstr(message, ==, want);
    g_assert_cmpint(errnum, ==, want_errnum);
}

static size_t find(const GByteArray *bytes, const void *what, size_t length)
{
    const uint8_t *p = memmem(bytes->data, bytes->len, what, length);

    g_assert_nonnull(p);
    return p - bytes->data;
}

/* Where the body of the section of that name begins. */
static size_t body_of(const GByteArray *bytes, const char *idstr)
{
    g_autofree char *name = g_strdup_printf("%c%s", (char)strlen(idstr), idstr);

    return find(bytes, name, strlen(name)) + strlen(name) + 8;
}

static void frame_is_qemus(void)
{
    static const uint8_t head[] = "QEVM\0\0\0\3\7\0\0\0\4none\1\0\0\0\2\3ram\0\0\0\0\0\0\0\4";
    g_autoptr(GByteArray) bytes = NULL;
    size_t body;

    chip = (Chip){ 0x11223344, 0 };
    bytes = save();
    g_assert_cmpmem(bytes->data, sizeof(head) - 1, head, sizeof(head) - 1);
    body = body_of(bytes, "chip");
    g_assert_cmpmem(bytes->data + body, 10, "\x11\x22\x33\x44\x7e\0\0\0\4\0", 10);
    g_assert_cmpuint(bytes->data[body + 10], ==, ELEMENT_VMDESCRIPTION);
    g_assert_cmpmem(bytes->data + body + 15, 30, "{\"page_size\": 4096, \"devices\": [", 30);
}

static void machine_round_trips(void)
{
    g_autoptr(GByteArray) bytes = NULL;

    chip = (Chip){ 7, 8 };
    memset(mem, 0, RAM_PAGES * PAGE);
    memset(mem + 3 * PAGE, 0x33, PAGE);
    mem[9 * PAGE + 77] = 1;
    bytes = save();
    chip = (Chip){ 0 };
    memset(mem, 0x55, RAM_PAGES * PAGE);
    check_message(bytes, "", 0);
    g_assert_cmpuint(chip.a, ==, 7);
    g_assert_cmpuint(chip.b, ==, 8);
    g_assert_cmpuint(mem[3 * PAGE + 99], ==, 0x33);
    g_assert_cmpuint(mem[9 * PAGE + 77], ==, 1);
    g_assert_cmpuint(mem[0], ==, 0);
    g_assert_cmpuint(mem[9 * PAGE], ==, 0);
}

static void header_is_checked(void)
{
    g_autoptr(GByteArray) bytes = save();

    bytes->data[0] = 'X';
    check_message(bytes, "Not a migration stream", EINVAL);
    bytes->data[0] = 'Q';
    bytes->data[7] = 2;
    check_message(bytes, "SaveVM v2 format is obsolete and don't work anymore", ENOTSUP);
    bytes->data[7] = 9;
    check_message(bytes, "Unsupported migration stream version", ENOTSUP);
    bytes->data[7] = 3;
    bytes->data[8] = 4;
    check_message(bytes, "Configuration section missing", EINVAL);
}

static void nothing_is_not_a_stream(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    check_message(bytes, "Not a migration stream", EINVAL);
}

static void machine_type_must_be_the_same(void)
{
    g_autoptr(GByteArray) bytes = save();

    bytes->data[13] = 'N';
    check_message(bytes, "Machine type received is 'None' and local is 'none'", EINVAL);
}

static void prefix_of_the_machine_type_is_taken_as_qemu_does(void)
{
    g_autoptr(GByteArray) bytes = save();

    bytes->data[12] = 3;
    g_byte_array_remove_index(bytes, 16);
    check_message(bytes, "", 0);
}

static void section_that_nobody_here_has_is_refused(void)
{
    g_autoptr(GByteArray) bytes = save();
    size_t at = body_of(bytes, "chip") - 12;
    int errnum;
    g_autofree char *notes = NULL, *message = NULL;

    bytes->data[at] = 'k';
    message = load(bytes, &errnum, &notes);
    g_assert_cmpstr(message, ==, "Unknown savevm section or instance 'khip' 0. Make sure that your current VM setup matches "
                    "your saved VM setup, including any hotplugged devices");
    g_assert_nonnull(strstr(notes, "the source has 'khip', this side has not"));
    bytes->data[at] = 'c';
    bytes->data[at + 7] = 7;
    check_message(bytes, "Unknown savevm section or instance 'chip' 7. Make sure that your current VM setup matches "
                  "your saved VM setup, including any hotplugged devices", EINVAL);
}

static void section_version_is_checked(void)
{
    g_autoptr(GByteArray) bytes = save();
    size_t at = body_of(bytes, "chip") - 1;

    bytes->data[at] = 9;
    check_message(bytes, "savevm: unsupported version 9 for 'chip' v2", EINVAL);
    bytes->data[at] = 1;
    check_message(bytes, "chip: incoming version_id 1 is too old for local minimum version_id  2\n"
                  "error while loading state for instance 0x0 of device 'chip'", EINVAL);
}

static void footer_is_checked(void)
{
    g_autoptr(GByteArray) bytes = NULL;
    size_t at;

    chip.b = 0;
    bytes = save();
    at = body_of(bytes, "chip") + 4;
    bytes->data[at + 3] = 0x12;
    check_message(bytes, "Mismatched section id in footer for chip - read 0x1204 expected 0x4", EINVAL);
    bytes->data[at] = 0x7f;
    check_message(bytes, "Missing section footer for chip", EINVAL);
}

static void unknown_element_is_refused(void)
{
    g_autoptr(GByteArray) bytes = NULL;

    chip.b = 0;
    bytes = save();
    bytes->data[body_of(bytes, "chip") + 9] = 0x11;
    check_message(bytes, "Unknown savevm section type 17", EINVAL);
    memcpy(bytes->data + body_of(bytes, "chip") + 9, "\x08\0\x0b\0\0", 5);
    check_message(bytes, "MIG_CMD 0xb unknown (len 0x0)", EINVAL);
}

static void part_without_a_start_is_refused(void)
{
    g_autoptr(GByteArray) bytes = NULL;

    chip.b = 0;
    bytes = save();
    memcpy(bytes->data + body_of(bytes, "chip") + 9, "\x02\0\0\0\x4d", 5);
    check_message(bytes, "Unknown savevm section 77", EINVAL);
}

static void unknown_subsection_is_no_such_file(void)
{
    g_autoptr(GByteArray) bytes = NULL;

    chip.b = 1;
    bytes = save();
    bytes->data[find(bytes, "chip/b", 6) + 5] = 'x';
    check_message(bytes, "error while loading state for instance 0x0 of device 'chip'", ENOENT);
}

static void truncation_anywhere_is_refused_and_leaves_ram_alone(void)
{
    g_autoptr(GByteArray) bytes = NULL;
    g_autofree uint8_t *before = g_malloc(RAM_PAGES * PAGE);
    size_t end;

    chip = (Chip){ 1, 2 };
    memset(mem, 0, RAM_PAGES * PAGE);
    memset(mem + 5 * PAGE, 0x66, 2 * PAGE);
    bytes = save();
    end = find(bytes, "\x06\0", 2);
    end = find(bytes, "{\"page_size", 8) - 5;
    for (int i = 0; i < RAM_PAGES * PAGE; i += 64) {
        mem[i] = i / 64 + 1;
    }
    memcpy(before, mem, RAM_PAGES * PAGE);
    for (size_t length = 0; length < end; length += length < 400 || length + 400 > end ? 1 : 61) {
        GByteArray cut = { bytes->data, length };
        g_autofree char *message = NULL;
        int errnum;

        message = load(&cut, &errnum, NULL);
        g_assert_cmpint(errnum, !=, 0);
        g_assert_cmpmem(mem, RAM_PAGES * PAGE, before, RAM_PAGES * PAGE);
    }
}

static void cut_off_or_missing_description_is_taken(void)
{
    g_autoptr(GByteArray) bytes = save();
    size_t at = find(bytes, "{\"page_size", 8);

    bytes->len = at + 9;
    check_message(bytes, "", 0);
    bytes->len = at - 3;
    check_message(bytes, "", 0);
}

/* RAM. */

static GByteArray *with_ram_word(uint64_t word, const char *rest, size_t rest_length)
{
    GByteArray *bytes = save(), *result = g_byte_array_new();
    size_t at = body_of(bytes, "ram");
    uint64_t be = GUINT64_TO_BE(word);

    g_byte_array_append(result, bytes->data, at);
    g_byte_array_append(result, (uint8_t *)&be, 8);
    g_byte_array_append(result, (const uint8_t *)rest, rest_length);
    g_byte_array_unref(bytes);
    return result;
}

static void check_ram(uint64_t word, const char *rest, size_t rest_length, const char *lines, int errnum)
{
    g_autoptr(GByteArray) bytes = with_ram_word(word, rest, rest_length);
    g_autofree char *want = g_strconcat(lines, *lines ? "\n" : "", "error while loading state for instance 0x0 of device 'ram'",
                                        NULL);

    check_message(bytes, want, errnum);
}

static void ram_words_are_checked(void)
{
    check_ram(0x400, "", 0, "Unknown combination of migration flags: 0x400", EINVAL);
    check_ram(0x28, "", 0, "Ack, bad migration stream!\nIllegal RAM offset 0", EINVAL);
    check_ram(0x08, "\6pc.rum", 7, "Can't find block pc.rum\nIllegal RAM offset 0", EINVAL);
    check_ram(0x40000008, "\6pc.ram", 7, "Illegal RAM offset 40000000", EINVAL);
    check_ram(RAM_PAGES * PAGE | 0x08, "\6pc.ram", 7, "Illegal RAM offset 10000", EINVAL);
    check_ram(0x108, "\6pc.ram", 7, "Unknown combination of migration flags: 0x108", EINVAL);
    check_ram(0x100, "\6pc.ram", 7, "Compressed pages (flag 0x100) can't be loaded here: turn the capability 'compress' off on "
              "the source", EINVAL);
    check_ram(0x08, "\6pc.ram123", 10, "", EIO);
}

static void ram_blocks_are_checked(void)
{
    check_ram(0x1000 | 4, "\6pc.rum\0\0\0\0\0\0\x10\0", 15, "Unknown ramblock \"pc.rum\", cannot accept migration", EINVAL);
    check_ram(0x20000 | 4, "\6pc.ram\0\0\0\0\0\2\0\0", 15, "Size mismatch: pc.ram: 0x20000 != 0x10000: Invalid argument", EINVAL);
    check_ram(0x20000 | 4, "\3rom\0\0\0\0\0\2\0\0", 12, "Size too large: rom: 0x20000 > 0x4000: Invalid argument", EINVAL);
    check_ram(0x1000 | 4, "\6pc.ram\0\0\0\0\0\1\0\0", 15, "RAM block \"pc.ram\" of 0x10000 bytes exceeds the 0x1000 that were "
              "announced", EINVAL);
}

static void refused_load_gives_a_resized_block_its_size_back(void)
{
    uint64_t before = ramblock_by_name("rom")->used_length;

    ramblock_by_name("rom")->host[0] = 0x99;
    g_assert_cmpuint(before, ==, 0x2000);
    check_ram(0x4000 | 4, "\3rom\0\0\0\0\0\0\x40\0" "\0\0\0\0\0\0\x04\0", 20, "Unknown combination of migration flags: 0x400", EINVAL);
    g_assert_cmpuint(ramblock_by_name("rom")->used_length, ==, before);
    check_ram(0x1000 | 4, "\3rom\0\0\0\0\0\0\x10\0" "\0\0\0\0\0\0\x04\0", 20, "Unknown combination of migration flags: 0x400", EINVAL);
    g_assert_cmpuint(ramblock_by_name("rom")->used_length, ==, before);
    g_assert_cmpuint(ramblock_by_name("rom")->host[0], ==, 0x99);
    ramblock_by_name("rom")->host[0] = 0;
}

static void ram_of_another_version_is_refused(void)
{
    g_autoptr(GByteArray) bytes = save();

    bytes->data[body_of(bytes, "ram") - 1] = 3;
    check_message(bytes, "error while loading state for instance 0x0 of device 'ram'", EINVAL);
}

static void fill_byte_of_a_zero_page_fills_it_as_in_qemu(void)
{
    g_autoptr(GByteArray) bytes = with_ram_word(0x3002, "\6pc.ram\x55" "\0\0\0\0\0\0\0\x10", 16);
    g_autoptr(GByteArray) whole = save();
    size_t at = body_of(whole, "ram");

    /* the footer and what follows, of a whole stream; its own RAM words are left out */
    at = find(whole, "\x7e\0\0\0\2\4", 6);
    g_byte_array_append(bytes, whole->data + at, whole->len - at);
    memset(mem, 0, RAM_PAGES * PAGE);
    check_message(bytes, "", 0);
    g_assert_cmpuint(mem[0x3000], ==, 0x55);
    g_assert_cmpuint(mem[0x3fff], ==, 0x55);
    g_assert_cmpuint(mem[0x4000], ==, 0);
}

static void differences_are_applied_to_what_is_there(void)
{
    g_autoptr(GByteArray) bytes = with_ram_word(0x2040, "\6pc.ram\1\0\4\2\2\xaa\xbb" "\0\0\0\0\0\0\0\x10", 22);
    g_autoptr(GByteArray) whole = save();
    size_t at = find(whole, "\x7e\0\0\0\2\4", 6);

    g_byte_array_append(bytes, whole->data + at, whole->len - at);
    memset(mem, 0x11, RAM_PAGES * PAGE);
    check_message(bytes, "", 0);
    g_assert_cmpmem(mem + 0x2000, 6, "\x11\x11\xaa\xbb\x11\x11", 6);
    check_ram(0x2040, "\6pc.ram\2\0\4\2\2\xaa\xbb", 14,
              "Failed to load XBZRLE page - wrong compression!\nFailed to decompress XBZRLE page at 2000", EINVAL);
    check_ram(0x2040, "\6pc.ram\1\x10\1", 10,
              "Failed to load XBZRLE page - len overflow!\nFailed to decompress XBZRLE page at 2000", EINVAL);
    check_ram(0x2040, "\6pc.ram\1\0\4\2\3\xaa\xbb", 14,
              "Failed to load XBZRLE page - decode error!\nFailed to decompress XBZRLE page at 2000", EINVAL);
    g_assert_cmpuint(mem[0x2000], ==, 0x11);
}

/* Blockers. */

static void blocker_blocks_until_it_is_gone(void)
{
    g_autoptr(GError) error = NULL;
    MigrationBlocker *blocker = migration_block("Feature 'x' is in use", &error);

    g_assert_no_error(error);
    g_assert_false(savevm_allowed(&error));
    g_assert_cmpstr(error->message, ==, "Feature 'x' is in use");
    migration_unblock(blocker);
    g_assert_true(savevm_allowed(NULL));
}

int main(int argc, char **argv)
{
    GError *error = NULL;

    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    compat_install(release);
    memory_init();
    memory_region_init_ram(&mr, NULL, "pc.ram", RAM_PAGES * PAGE, &error);
    g_assert_no_error(error);
    memory_region_init_resizeable_rom(&rom, NULL, "rom", 0x2000, 0x4000, NULL, &error);
    g_assert_no_error(error);
    mem = memory_region_host(&mr);
    registry_skip_ids(2);
    ram_register(&error);
    g_assert_no_error(error);
    registry_skip_ids(4);
    vmstate_register(NULL, 0, &vmstate_chip, &chip, &error);
    g_assert_no_error(error);
#define ADD(fn) g_test_add_func("/loadvm/" #fn, fn)
    ADD(frame_is_qemus);
    ADD(machine_round_trips);
    ADD(header_is_checked);
    ADD(nothing_is_not_a_stream);
    ADD(machine_type_must_be_the_same);
    ADD(prefix_of_the_machine_type_is_taken_as_qemu_does);
    ADD(section_that_nobody_here_has_is_refused);
    ADD(section_version_is_checked);
    ADD(footer_is_checked);
    ADD(unknown_element_is_refused);
    ADD(part_without_a_start_is_refused);
    ADD(unknown_subsection_is_no_such_file);
    ADD(truncation_anywhere_is_refused_and_leaves_ram_alone);
    ADD(cut_off_or_missing_description_is_taken);
    ADD(ram_words_are_checked);
    ADD(ram_blocks_are_checked);
    ADD(refused_load_gives_a_resized_block_its_size_back);
    ADD(ram_of_another_version_is_refused);
    ADD(fill_byte_of_a_zero_page_fills_it_as_in_qemu);
    ADD(differences_are_applied_to_what_is_there);
    ADD(blocker_blocks_until_it_is_gone);
    return g_test_run();
}
