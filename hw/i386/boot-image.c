#include "hw/i386/boot-image.h"

#include <elf.h>
#include <string.h>
#include <unistd.h>

#include "util/byteorder.h"
#include "util/units.h"

/* Fields of Linux's setup header. */
enum {
    SETUP_SECTS = 0x1f1, BOOT_FLAG = 0x1fe, HEADER_MAGIC = 0x202, VERSION = 0x206, LOADFLAGS = 0x211, INITRD_MAX = 0x22c,
    XLOADFLAGS = 0x236, CMDLINE_SIZE = 0x238, PREF_ADDRESS = 0x258, INIT_SIZE = 0x260,
    LOADED_HIGH = 1, XLF_KERNEL_64 = 1, LINUX_HEADER_READ = 0x300, SECTOR = 512, ENTRY_64 = 0x200,
};
#define LINUX_LOAD_ADDRESS MiB
#define LINUX_INITRD_MAX_OLD 0x37ffffffu
#define CMDLINE_MAX_OLD 255
#define NOTES_MAX (64 * KiB)
#define XEN_NOTE_PHYS32_ENTRY 18

static bool read_at(int fd, void *buf, uint64_t size, uint64_t offset)
{
    return pread(fd, buf, size, offset) == (ssize_t)size;
}

/* --- Linux --- */

static void linux_limits(BootImage *image, const uint8_t *header)
{
    image->initrd_max = image->protocol >= 0x203 ? load_le32(header + INITRD_MAX) : LINUX_INITRD_MAX_OLD;
    image->cmdline_max = image->protocol >= 0x206 ? load_le32(header + CMDLINE_SIZE) : CMDLINE_MAX_OLD;
    if (image->protocol >= 0x20a) {
        uint64_t pref = load_le64(header + PREF_ADDRESS), init = load_le32(header + INIT_SIZE);

        image->needs = pref > UINT32_MAX ? UINT64_MAX : MAX(pref, LINUX_LOAD_ADDRESS) + init - LINUX_LOAD_ADDRESS;
    }
}

static bool read_linux(uint64_t size, const uint8_t *header, BootImage *image, GError **error)
{
    unsigned sectors = header[SETUP_SECTS] ? header[SETUP_SECTS] : 4;

    image->kind = BOOT_IMAGE_LINUX;
    image->protocol = load_le16(header + VERSION);
    image->setup_size = (sectors + 1) * SECTOR;
    if (image->protocol < 0x200 || !(header[LOADFLAGS] & LOADED_HIGH)) {
        return error_setf(error, "the kernel is no bzImage");
    }
    if (image->setup_size >= size || size - image->setup_size > UINT32_MAX) {
        return error_setf(error, "invalid kernel header");
    }
    image->segments[0] = (BootSegment){ image->setup_size, size - image->setup_size, LINUX_LOAD_ADDRESS,
                                        size - image->setup_size };
    image->num_segments = 1;
    image->entry_64 = image->protocol >= 0x20c && load_le16(header + XLOADFLAGS) & XLF_KERNEL_64;
    image->entry = LINUX_LOAD_ADDRESS + (image->entry_64 ? ENTRY_64 : 0);
    if (image->entry_64 && size - image->setup_size <= ENTRY_64) {
        return error_setf(error, "invalid kernel header");
    }
    linux_limits(image, header);
    return true;
}

/* --- ELF --- */

/* What of the two formats' headers is of interest here. */
typedef struct ProgramHeader {
    uint32_t type;
    uint64_t offset, address, file_size, memory_size, align;
} ProgramHeader;

static ProgramHeader program_header(const uint8_t *raw, bool is_64)
{
    ProgramHeader h;

    if (is_64) {
        Elf64_Phdr p;
        memcpy(&p, raw, sizeof(p));
        h = (ProgramHeader){ le32toh(p.p_type), le64toh(p.p_offset), le64toh(p.p_paddr), le64toh(p.p_filesz),
                             le64toh(p.p_memsz), le64toh(p.p_align) };
    } else {
        Elf32_Phdr p;
        memcpy(&p, raw, sizeof(p));
        h = (ProgramHeader){ le32toh(p.p_type), le32toh(p.p_offset), le32toh(p.p_paddr), le32toh(p.p_filesz),
                             le32toh(p.p_memsz), le32toh(p.p_align) };
    }
    return h;
}

static bool in_file(uint64_t offset, uint64_t length, uint64_t size)
{
    return offset <= size && length <= size - offset;
}

static uint64_t round_note(uint64_t n, uint64_t align)
{
    return (n + align - 1) / align * align;
}

/* Looks for Xen's note of the entry; *entry stays as it is if there is none. */
static void find_entry(const uint8_t *notes, uint64_t size, uint64_t align, uint64_t *entry)
{
    align = align == 8 ? 8 : 4;
    for (uint64_t at = 0; size - at >= 12;) {
        uint64_t name_size = load_le32(notes + at), desc_size = load_le32(notes + at + 4);
        uint32_t type = load_le32(notes + at + 8);
        uint64_t desc = at + 12 + round_note(name_size, align), next = desc + round_note(desc_size, align);

        if (desc > size || desc_size > size - desc) {
            return;
        }
        if (type == XEN_NOTE_PHYS32_ENTRY && name_size == 4 && !memcmp(notes + at + 12, "Xen", 4) &&
            (desc_size == 4 || desc_size == 8)) {
            *entry = load_le(notes + desc, desc_size);
            return;
        }
        if (next > size) {
            return;
        }
        at = next;
    }
}

static bool add_segment(BootImage *image, const ProgramHeader *h, uint64_t size, GError **error)
{
    if (h->memory_size == 0) {
        return true;
    }
    if (image->num_segments == BOOT_SEGMENTS_MAX) {
        return error_setf(error, "the kernel has more than %d segments", BOOT_SEGMENTS_MAX);
    }
    if (!in_file(h->offset, h->file_size, size) || h->file_size > h->memory_size || h->address < MiB ||
        h->memory_size > 4 * GiB || h->address > 4 * GiB - h->memory_size) {
        return error_setf(error, "a segment of the kernel, at 0x%" G_GINT64_MODIFIER "x, can't be loaded", h->address);
    }
    image->segments[image->num_segments++] = (BootSegment){ h->offset, h->file_size, h->address, h->memory_size };
    return true;
}

static bool read_note(int fd, uint64_t size, const ProgramHeader *h, uint64_t *entry)
{
    uint64_t length = MIN(h->file_size, NOTES_MAX);
    g_autofree uint8_t *notes = NULL;

    if (!in_file(h->offset, length, size)) {
        return false;
    }
    notes = g_malloc(length);
    if (!read_at(fd, notes, length, h->offset)) {
        return false;
    }
    find_entry(notes, length, h->align, entry);
    return true;
}

static bool read_elf(int fd, uint64_t size, const uint8_t *header, BootImage *image, GError **error)
{
    bool is_64 = header[EI_CLASS] == ELFCLASS64;
    uint64_t at = is_64 ? load_le64(header + 32) : load_le32(header + 28);
    unsigned entry_size = load_le16(header + (is_64 ? 54 : 42)), count = load_le16(header + (is_64 ? 56 : 44));
    size_t expected = is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
    uint8_t raw[sizeof(Elf64_Phdr)];

    image->kind = BOOT_IMAGE_PVH;
    image->entry = UINT64_MAX;
    image->initrd_max = UINT32_MAX;
    image->cmdline_max = UINT32_MAX;
    if (header[EI_DATA] != ELFDATA2LSB || entry_size != expected || !in_file(at, (uint64_t)count * entry_size, size)) {
        return error_setf(error, "invalid kernel header");
    }
    for (unsigned i = 0; i < count; i++) {
        ProgramHeader h;

        if (!read_at(fd, raw, expected, at + (uint64_t)i * expected)) {
            return error_setf(error, "invalid kernel header");
        }
        h = program_header(raw, is_64);
        if (h.type == PT_NOTE && image->entry == UINT64_MAX && !read_note(fd, size, &h, &image->entry)) {
            return error_setf(error, "invalid kernel header");
        }
        if (h.type == PT_LOAD && !add_segment(image, &h, size, error)) {
            return false;
        }
    }
    if (image->entry > UINT32_MAX) {
        return error_setf(error, "Error loading uncompressed kernel without PVH ELF Note");
    }
    return true;
}

bool boot_image_read(int fd, uint64_t size, BootImage *image, GError **error)
{
    uint8_t header[LINUX_HEADER_READ] = { 0 };
    ssize_t n = pread(fd, header, sizeof(header), 0);

    memset(image, 0, sizeof(*image));
    if (n < 64) {
        return error_setf(error, "invalid kernel header");
    }
    if (!memcmp(header, ELFMAG, SELFMAG)) {
        return read_elf(fd, size, header, image, error);
    }
    if (n < LINUX_HEADER_READ || memcmp(header + HEADER_MAGIC, "HdrS", 4) || load_le16(header + BOOT_FLAG) != 0xaa55) {
        return error_setf(error, "invalid kernel header");
    }
    return read_linux(size, header, image, error);
}
