/* An image file or host device: what its parts share. */
#ifndef BLOCK_FILE_POSIX_H
#define BLOCK_FILE_POSIX_H

#include "block/block-int.h"

typedef struct FileState {
    int fd;
    bool writable;              /* how fd was opened */
    bool regular, block_device;
    bool threads;               /* aio=threads */
    bool locking, drop_cache;
    unsigned locked_perm, locked_unshared;  /* the bytes that are locked now */
    /* O_DIRECT: what the host demands of offsets and of memory; 1: nothing */
    unsigned offset_align, memory_align;
    /* O_DIRECT: an unaligned write is read, changed and written, alone */
    unsigned running;
    bool alone;
    BlockRequest *waiting, **waiting_last;
    /* what the file system turned out not to have; set by threads */
    int no_punch_hole, no_zero_range, no_discard;
    bool no_nowait;             /* it can't say what a read would wait for */
    uint64_t discards_ok, discards_failed, discarded_bytes;
} FileState;

/* file-lock.c: takes the locks of these permissions, or says who has them; then drops those that are not needed. */
bool file_lock(FileState *s, const char *filename, unsigned perm, unsigned shared, GError **error);
/* The locks that `s` holds go to another descriptor. */
bool file_lock_move(const FileState *s, int fd);

/* file-io.c */
void file_submit(BlockNode *node, BlockRequest *req);

#endif
