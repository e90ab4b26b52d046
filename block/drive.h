/* Interfaces that -drive if= names. */
#ifndef BLOCK_DRIVE_H
#define BLOCK_DRIVE_H

#include "block/block-int.h"

typedef enum {
    DRIVE_IF_NONE, DRIVE_IF_IDE, DRIVE_IF_SCSI, DRIVE_IF_FLOPPY, DRIVE_IF_PFLASH, DRIVE_IF_MTD, DRIVE_IF_SD,
    DRIVE_IF_VIRTIO, DRIVE_IF_XEN, DRIVE_INTERFACES,
} DriveInterface;

/* "file:x", "null-co://" or a path: the driver, and what it takes as its filename. Both point to constants or `file`. */
bool drive_parse_filename(const char *file, const char **driver, const char **filename, GError **error);

#endif
