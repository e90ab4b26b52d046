/*
 * Kernel images: what is in their headers, checked. Linux's boot protocol (Documentation/arch/x86/boot.rst) for a bzImage,
 * the PVH protocol (Xen's hvmlite and start_info) for an ELF image with a note of its 32-bit entry.
 */
#ifndef HW_I386_BOOT_IMAGE_H
#define HW_I386_BOOT_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

typedef enum { BOOT_IMAGE_LINUX, BOOT_IMAGE_PVH } BootImageKind;

#define BOOT_SEGMENTS_MAX 16
enum { LINUX_SETUP_HEADER = 0x1f1, LINUX_SETUP_HEADER_MAX = 0x290 };

/* A part of the file and where it goes; memory behind it up to memory_size is zeros. */
typedef struct BootSegment {
    uint64_t offset, file_size, address, memory_size;
} BootSegment;

typedef struct BootImage {
    BootImageKind kind;
    uint64_t entry;                     /* physical */
    bool entry_64;                      /* Linux: in long mode */
    BootSegment segments[BOOT_SEGMENTS_MAX];
    unsigned num_segments;
    /* Linux */
    uint16_t protocol;
    uint32_t setup_size;                /* bytes of the file before what is loaded */
    uint32_t initrd_max;                /* the highest address that an initrd may have */
    uint32_t cmdline_max;
    uint64_t needs;                     /* memory from the entry's segment on, for unpacking; 0: not said */
} BootImage;

/* Reads the headers of the file, which has `size` bytes. Nothing in it is trusted. */
bool boot_image_read(int fd, uint64_t size, BootImage *image, GError **error);

#endif
