#include "hw/smbios/smbios.h"

#include <stdio.h>
#include <string.h>

#include "hw/pci/pci.h"
#include "hw/smbios/smbios-internal.h"
#include "util/byteorder.h"
#include "util/error.h"
#include "util/keyval.h"
#include "util/units.h"

enum { ANCHOR_32_SIZE = 0x1f, ANCHOR_64_SIZE = 0x18, TABLES_32_MAX = 0xffff, CPU_SPEED = 2000 };
enum { HANDLE_0 = 0, HANDLE_1 = 0x100, HANDLE_2 = 0x200, HANDLE_3 = 0x300, HANDLE_4 = 0x400, HANDLE_11 = 0xe00,
       HANDLE_16 = 0x1000, HANDLE_17 = 0x1100, HANDLE_19 = 0x1300, HANDLE_32 = 0x2000, HANDLE_41 = 0x2900,
       HANDLE_127 = 0x7f00, NO_HANDLE = 0xfffe };
enum { STRINGS_MAX = 255 };
#define DIMM_SIZE_MAX (16 * GiB)
#define CAPACITY_SHORT_MAX (2 * TiB)

/* --- small parsers --- */

bool smbios_parse_release(const char *text, unsigned *major, unsigned *minor)
{
    char rest;

    return sscanf(text, "%3u.%3u%c", major, minor, &rest) == 2 && *major < 256 && *minor < 256;
}

bool smbios_parse_uuid(const char *text, uint8_t out[16])
{
    static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
    const char *p = text;

    if (strlen(text) != 36) {
        return false;
    }
    for (int i = 0; i < 16; i++, p += 2) {
        if (*p == '-' && (i == 4 || i == 6 || i == 8 || i == 10)) {
            p++;
        }
        if (!g_ascii_isxdigit(p[0]) || !g_ascii_isxdigit(p[1])) {
            return false;
        }
        out[order[i]] = g_ascii_xdigit_value(p[0]) << 4 | g_ascii_xdigit_value(p[1]);
    }
    return !*p;
}

unsigned smbios_device_kind(const char *name)
{
    static const char *const kinds[] = { "other", "unknown", "video", "scsi", "ethernet", "tokenring", "sound", "pata",
                                         "sata", "sas" };

    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (!strcmp(kinds[i], name)) {
            return i + 1;
        }
    }
    return 0;
}

/* --- a structure: its formatted part, then its strings --- */

typedef struct Structure {
    GByteArray *out;
    guint start;
    GString *strings;           /* with the NULs between them */
    unsigned num_strings;
    bool too_many;
} Structure;

typedef struct Builder {
    const SmbiosMachine *m;
    GByteArray *tables;
    unsigned count, largest;
    GError *error;              /* the first */
} Builder;

static void put(Structure *s, uint64_t value, unsigned size)
{
    uint8_t bytes[8];

    store_le64(bytes, value);
    g_byte_array_append(s->out, bytes, size);
}
#define U8(s, v) put(s, v, 1)
#define U16(s, v) put(s, v, 2)
#define U32(s, v) put(s, v, 4)
#define U64(s, v) put(s, v, 8)

static Structure begin(Builder *b, uint8_t type, uint16_t handle)
{
    Structure s = { .out = b->tables, .start = b->tables->len, .strings = g_string_new(NULL) };

    U8(&s, type);
    U8(&s, 0);
    U16(&s, handle);
    return s;
}

/* A string's number; 0 for none. */
static void put_text(Structure *s, const char *text)
{
    if (!text || !*text) {
        U8(s, 0);
    } else if (s->num_strings == STRINGS_MAX) {
        s->too_many = true;
    } else {
        g_string_append_len(s->strings, text, strlen(text) + 1);
        U8(s, ++s->num_strings);
    }
}

static void end(Builder *b, Structure *s)
{
    s->out->data[s->start + 1] = s->out->len - s->start;
    g_byte_array_append(s->out, (const uint8_t *)s->strings->str, s->strings->len);
    g_byte_array_append(s->out, (const uint8_t *)"\0\0", s->num_strings ? 1 : 2);
    g_string_free(s->strings, true);
    b->count++;
    b->largest = MAX(b->largest, s->out->len - s->start);
    if (s->too_many && !b->error) {
        error_setf(&b->error, "SMBIOS structures can't have more than %d strings", STRINGS_MAX);
    }
}

/* What the user gave, or the default. */
static const char *text_of(unsigned type, const char *key, const char *otherwise)
{
    return smbios_given.fields[type] ? json_member_string(smbios_given.fields[type], key, otherwise) : otherwise;
}

static uint64_t number_of(unsigned type, const char *key, uint64_t otherwise)
{
    uint64_t value = otherwise;

    if (smbios_given.fields[type]) {
        keyval_get_uint(smbios_given.fields[type], key, otherwise, &value, NULL);
    }
    return value;
}

/* --- the types (DSP0134, chapter 7) --- */

static void build_0(Builder *b)
{
    unsigned major = 0, minor = 0;
    const char *release = text_of(0, "release", NULL);
    bool uefi = false;
    Structure s;

    if (!smbios_given.fields[0]) {
        return;
    }
    keyval_get_bool(smbios_given.fields[0], "uefi", false, &uefi, NULL);
    if (release) {
        smbios_parse_release(release, &major, &minor);
    }
    s = begin(b, 0, HANDLE_0);
    put_text(&s, text_of(0, "vendor", NULL));
    put_text(&s, text_of(0, "version", NULL));
    U16(&s, 0xe800);
    put_text(&s, text_of(0, "date", NULL));
    U8(&s, 0);
    U64(&s, 1 << 3);                    /* characteristics are not told */
    U8(&s, 0);
    U8(&s, 0x14 | (uefi ? 0x08 : 0));   /* a virtual machine; targeted content */
    U8(&s, major);
    U8(&s, minor);
    U16(&s, 0xffff);
    end(b, &s);
}

static void build_1(Builder *b)
{
    const char *given = text_of(1, "uuid", NULL);
    const uint8_t *machine_uuid = b->m->machine->uuid;
    g_autofree char *text = NULL;
    uint8_t uuid[16] = { 0 };
    Structure s = begin(b, 1, HANDLE_1);

    if (!given && b->m->machine->uuid_set) {
        GString *t = g_string_new(NULL);

        for (int i = 0; i < 16; i++) {
            g_string_append_printf(t, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", machine_uuid[i]);
        }
        given = text = g_string_free(t, false);
    }
    if (given) {
        smbios_parse_uuid(given, uuid);
    }
    put_text(&s, text_of(1, "manufacturer", "QEMU"));
    put_text(&s, text_of(1, "product", b->m->product));
    put_text(&s, text_of(1, "version", b->m->version));
    put_text(&s, text_of(1, "serial", NULL));
    g_byte_array_append(s.out, uuid, sizeof(uuid));
    U8(&s, 6);                          /* woken by the power switch */
    put_text(&s, text_of(1, "sku", NULL));
    put_text(&s, text_of(1, "family", NULL));
    end(b, &s);
}

static void build_2(Builder *b)
{
    Structure s;

    if (!smbios_given.fields[2]) {
        return;
    }
    s = begin(b, 2, HANDLE_2);
    put_text(&s, text_of(2, "manufacturer", "QEMU"));
    put_text(&s, text_of(2, "product", b->m->product));
    put_text(&s, text_of(2, "version", b->m->version));
    put_text(&s, text_of(2, "serial", NULL));
    put_text(&s, text_of(2, "asset", NULL));
    U8(&s, 1);                          /* a hosting board */
    put_text(&s, text_of(2, "location", NULL));
    U16(&s, HANDLE_3);
    U8(&s, 0x0a);                       /* motherboard */
    U8(&s, 0);
    end(b, &s);
}

static void build_3(Builder *b)
{
    Structure s = begin(b, 3, HANDLE_3);

    put_text(&s, text_of(3, "manufacturer", "QEMU"));
    U8(&s, 1);                          /* of another type */
    put_text(&s, text_of(3, "version", b->m->version));
    put_text(&s, text_of(3, "serial", NULL));
    put_text(&s, text_of(3, "asset", NULL));
    U8(&s, 3);                          /* boot-up, power supply and thermal state: safe */
    U8(&s, 3);
    U8(&s, 3);
    U8(&s, 2);                          /* security: unknown */
    U32(&s, 0);
    U8(&s, 0);
    U8(&s, 0);
    U8(&s, 0);
    U8(&s, 0);
    put_text(&s, text_of(3, "sku", NULL));
    end(b, &s);
}

/* A socket. */
static void build_4(Builder *b, unsigned socket)
{
    const SmbiosMachine *m = b->m;
    const CpuTopology *smp = &m->machine->smp;
    unsigned cores = smp->dies * smp->cores, threads = m->threads_per_socket ? cores * smp->threads : smp->threads;
    g_autofree char *name = g_strdup_printf("%s %u", text_of(4, "sock_pfx", "CPU"), socket);
    uint64_t id = number_of(4, "processor-id", 0);
    Structure s = begin(b, 4, HANDLE_4 + socket);

    put_text(&s, name);
    U8(&s, 3);                          /* a central processor */
    U8(&s, m->family_2 ? 0xfe : 0x01);
    put_text(&s, text_of(4, "manufacturer", "QEMU"));
    U32(&s, id ? id : m->cpu_signature);
    U32(&s, id ? id >> 32 : m->cpu_features);
    put_text(&s, text_of(4, "version", m->version));
    U8(&s, 0);
    U16(&s, 0);
    U16(&s, number_of(4, "max-speed", CPU_SPEED));
    U16(&s, number_of(4, "current-speed", CPU_SPEED));
    U8(&s, 0x41);                       /* there, and enabled */
    U8(&s, 1);
    for (int cache = 0; cache < 3; cache++) {
        U16(&s, 0xffff);
    }
    put_text(&s, text_of(4, "serial", NULL));
    put_text(&s, text_of(4, "asset", NULL));
    put_text(&s, text_of(4, "part", NULL));
    U8(&s, MIN(cores, 0xff));
    U8(&s, MIN(cores, 0xff));
    U8(&s, MIN(threads, 0xff));
    U16(&s, 2);                         /* characteristics: unknown */
    U16(&s, 1);
    if (m->entry_64) {
        U16(&s, cores);
        U16(&s, cores);
        U16(&s, threads);
    }
    end(b, &s);
}

static void build_11(Builder *b)
{
    GPtrArray *list = smbios_given.oem_strings;
    Structure s;

    if (!list || !list->len) {
        return;
    }
    s = begin(b, 11, HANDLE_11);
    U8(&s, MIN(list->len, STRINGS_MAX));
    for (guint i = 0; i < list->len; i++) {
        const char *text = list->pdata[i];

        s.too_many |= i >= STRINGS_MAX;
        g_string_append_len(s.strings, text, strlen(text) + 1);
        s.num_strings++;
    }
    end(b, &s);
}

static unsigned dimms(const Builder *b)
{
    return (b->m->machine->ram_size + DIMM_SIZE_MAX - 1) / DIMM_SIZE_MAX;
}

static void build_16(Builder *b)
{
    uint64_t size = b->m->machine->ram_size;
    bool fits = size < CAPACITY_SHORT_MAX;
    Structure s = begin(b, 16, HANDLE_16);

    U8(&s, 1);
    U8(&s, 3);                          /* system memory */
    U8(&s, 6);                          /* multi-bit ECC */
    U32(&s, fits ? size / KiB : 0x80000000);
    U16(&s, NO_HANDLE);
    U16(&s, dimms(b));
    U64(&s, fits ? 0 : size);
    end(b, &s);
}

static void build_17(Builder *b, unsigned n, uint64_t size)
{
    g_autofree char *name = g_strdup_printf("%s %u", text_of(17, "loc_pfx", "DIMM"), n);
    uint64_t mib = (size + MiB - 1) / MiB, speed = number_of(17, "speed", 0);
    Structure s = begin(b, 17, HANDLE_17 + n);

    U16(&s, HANDLE_16);
    U16(&s, NO_HANDLE);
    U16(&s, 0xffff);
    U16(&s, 0xffff);
    U16(&s, MIN(mib, 0x7fff));
    U8(&s, 9);                          /* DIMM */
    U8(&s, 0);
    put_text(&s, name);
    put_text(&s, text_of(17, "bank", NULL));
    U8(&s, 7);                          /* RAM */
    U16(&s, 2);
    U16(&s, speed);
    put_text(&s, text_of(17, "manufacturer", "QEMU"));
    put_text(&s, text_of(17, "serial", NULL));
    put_text(&s, text_of(17, "asset", NULL));
    put_text(&s, text_of(17, "part", NULL));
    U8(&s, 0);
    U32(&s, mib < 0x7fff ? 0 : mib);
    U16(&s, speed);
    U16(&s, 0);
    U16(&s, 0);
    U16(&s, 0);
    end(b, &s);
}

static void build_19(Builder *b, unsigned n, const SmbiosRange *range)
{
    uint64_t first = range->address / KiB, last = (range->address + range->length - 1) / KiB;
    bool fits = last < UINT32_MAX;
    Structure s = begin(b, 19, HANDLE_19 + n);

    U32(&s, fits ? first : UINT32_MAX);
    U32(&s, fits ? last : UINT32_MAX);
    U16(&s, HANDLE_16);
    U8(&s, 1);
    U64(&s, fits ? 0 : range->address);
    U64(&s, fits ? 0 : range->address + range->length - 1);
    end(b, &s);
}

static void build_32(Builder *b)
{
    Structure s = begin(b, 32, HANDLE_32);

    put(&s, 0, 6);
    U8(&s, 0);                          /* no errors */
    end(b, &s);
}

/* A device on the board, and where it is if the user says which. */
static void build_41(Builder *b, unsigned n, const Json *opts)
{
    const char *id = json_member_string(opts, "pcidev", NULL);
    DeviceState *dev = id ? device_find(id) : NULL;
    PCIDevice *pci = dev ? (PCIDevice *)object_dynamic_cast(dev, TYPE_PCI_DEVICE) : NULL;
    uint64_t instance = 1;
    Structure s;

    if (id && !pci && !b->error) {
        error_setf(&b->error, "No PCI device %s for SMBIOS type 41 entry %s", id,
                   json_member_string(opts, "designation", "(null)"));
    }
    keyval_get_uint(opts, "instance", 1, &instance, NULL);
    s = begin(b, 41, HANDLE_41 + n);
    put_text(&s, json_member_string(opts, "designation", NULL));
    U8(&s, smbios_device_kind(json_member_string(opts, "kind", "other")) | 0x80);
    U8(&s, instance);
    U16(&s, 0);
    U8(&s, 0);
    U8(&s, pci ? pci->devfn : 0);
    end(b, &s);
}

static void build_127(Builder *b)
{
    Structure s = begin(b, 127, HANDLE_127);

    end(b, &s);
}

/* --- all of them --- */

static void build_memory(Builder *b)
{
    uint64_t left = b->m->machine->ram_size;

    build_16(b);
    for (unsigned i = 0; left; i++) {
        uint64_t size = MIN(left, DIMM_SIZE_MAX);

        build_17(b, i, size);
        left -= size;
    }
    for (unsigned i = 0; i < b->m->num_ram; i++) {
        build_19(b, i, &b->m->ram[i]);
    }
}

static void build_all(Builder *b)
{
    static void (*const first[])(Builder *b) = { build_0, build_1, build_2, build_3 };

    for (unsigned type = 0; type < G_N_ELEMENTS(first); type++) {
        if (!smbios_in_file(type)) {
            first[type](b);
        }
    }
    for (unsigned i = 0; i < b->m->machine->smp.sockets && !smbios_in_file(4); i++) {
        build_4(b, i);
    }
    build_11(b);
    build_memory(b);
    build_32(b);
    for (guint i = 0; smbios_given.devices && i < smbios_given.devices->len; i++) {
        build_41(b, i, smbios_given.devices->pdata[i]);
    }
    build_127(b);
}

static GByteArray *build_anchor(const Builder *b)
{
    uint8_t anchor[ANCHOR_32_SIZE] = { 0 };
    bool is_64 = b->m->entry_64;

    if (is_64) {
        memcpy(anchor, "_SM3_", 5);
        anchor[6] = ANCHOR_64_SIZE;
        anchor[7] = 3;
        anchor[10] = 1;
        store_le32(anchor + 12, b->tables->len);
    } else {
        memcpy(anchor, "_SM_", 4);
        anchor[5] = ANCHOR_32_SIZE;
        anchor[6] = 2;
        anchor[7] = 8;
        store_le16(anchor + 8, b->largest);
        memcpy(anchor + 16, "_DMI_", 5);
        store_le16(anchor + 22, b->tables->len);
        store_le16(anchor + 28, b->count);
        anchor[30] = 0x28;
    }
    return g_byte_array_append(g_byte_array_new(), anchor, is_64 ? ANCHOR_64_SIZE : ANCHOR_32_SIZE);
}

bool smbios_build(const SmbiosMachine *m, GByteArray **tables, GByteArray **anchor, GError **error)
{
    Builder b = { .m = m, .tables = g_byte_array_new(), .count = smbios_given.num_files,
                  .largest = smbios_given.largest_file };

    if (smbios_given.files) {
        g_byte_array_append(b.tables, smbios_given.files->data, smbios_given.files->len);
    }
    build_all(&b);
    if (!b.error && !m->entry_64 && (b.tables->len > TABLES_32_MAX || b.count > UINT16_MAX)) {
        error_setf(&b.error, "SMBIOS 2.1 table length %u exceeds %d", b.tables->len, TABLES_32_MAX);
    }
    if (b.error) {
        g_propagate_error(error, b.error);
        g_byte_array_unref(b.tables);
        return false;
    }
    *tables = b.tables;
    *anchor = build_anchor(&b);
    return true;
}

static uint8_t missing(const uint8_t *bytes, size_t count)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += bytes[i];
    }
    return -sum;
}

void smbios_finish_anchor(GByteArray *anchor, uint64_t address)
{
    uint8_t *a = anchor->data;

    if (anchor->len == ANCHOR_64_SIZE) {
        store_le64(a + 16, address);
        a[5] = 0;
        a[5] = missing(a, anchor->len);
    } else {
        store_le32(a + 24, address);
        a[4] = a[21] = 0;
        a[21] = missing(a + 16, 15);
        a[4] = missing(a, anchor->len);
    }
}
