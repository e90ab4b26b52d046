/*
 * Image locks, by which emulators keep out of each other's way. Byte 100 + n of the image is read-locked (by the open
 * file, so that another of our own descriptors counts as another's) by whoever does what permission n says, byte
 * 200 + n by whoever does not share it. Taking is never refused: one locks first and then looks whether another holds
 * the opposite byte.
 */
#include <fcntl.h>

#include "block/file-posix.h"
#include "util/error.h"

#define PERM_BASE 100
#define UNSHARED_BASE 200

static int lock_byte(int fd, off_t byte, short type)
{
    struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
    int ret;
    do {
        ret = fcntl(fd, F_OFD_SETLK, &lock);
    } while (ret < 0 && errno == EINTR);
    return ret < 0 ? -errno : 0;
}

static int lock_bits(int fd, off_t base, unsigned bits, short type)
{
    for (unsigned i = 0; i < BLOCK_PERM_BITS; i++) {
        int ret = bits & (1u << i) ? lock_byte(fd, base + i, type) : 0;
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

/* The first of `bits` that another holds, or -1. */
static int held_by_other(int fd, off_t base, unsigned bits)
{
    for (unsigned i = 0; i < BLOCK_PERM_BITS; i++) {
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = base + i, .l_len = 1 };
        if ((bits & (1u << i)) && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) {
            return i;
        }
    }
    return -1;
}

static bool in_use(const char *filename, const char *shared, unsigned bit, GError **error)
{
    g_autofree char *name = block_perm_names(1u << bit);
    return error_setf(error, "Failed to get %s\"%s\" lock. Is another process using the image [%s]?", shared, name,
                      filename);
}

bool file_lock(FileState *s, const char *filename, unsigned perm, unsigned shared, GError **error)
{
    unsigned unshared = ~shared & BLOCK_PERM_ALL;
    unsigned new_perm = perm & ~s->locked_perm, new_unshared = unshared & ~s->locked_unshared;
    if (!s->locking) {
        return true;
    }
    int ret = lock_bits(s->fd, PERM_BASE, new_perm, F_RDLCK);
    if (ret == 0) {
        ret = lock_bits(s->fd, UNSHARED_BASE, new_unshared, F_RDLCK);
    }
    if (ret == -EINVAL || ret == -ENOLCK || ret == -ENOSYS || ret == -EOPNOTSUPP) {
        s->locking = false; /* a file system without locks */
        return true;
    }
    bool ok = ret == 0;
    int bit;
    if (!ok) {
        error_set_errno(error, ret, "Failed to lock the image '%s'", filename);
    } else if ((bit = held_by_other(s->fd, UNSHARED_BASE, perm)) >= 0) {
        ok = in_use(filename, "", bit, error);
    } else if ((bit = held_by_other(s->fd, PERM_BASE, unshared)) >= 0) {
        ok = in_use(filename, "shared ", bit, error);
    }
    if (!ok) {
        lock_bits(s->fd, PERM_BASE, new_perm, F_UNLCK);
        lock_bits(s->fd, UNSHARED_BASE, new_unshared, F_UNLCK);
        return false;
    }
    lock_bits(s->fd, PERM_BASE, s->locked_perm & ~perm, F_UNLCK);
    lock_bits(s->fd, UNSHARED_BASE, s->locked_unshared & ~unshared, F_UNLCK);
    s->locked_perm = perm;
    s->locked_unshared = unshared;
    return true;
}

bool file_lock_move(const FileState *s, int fd)
{
    if (lock_bits(fd, PERM_BASE, s->locked_perm, F_RDLCK) < 0 ||
        lock_bits(fd, UNSHARED_BASE, s->locked_unshared, F_RDLCK) < 0) {
        return false;
    }
    lock_bits(s->fd, PERM_BASE, s->locked_perm, F_UNLCK);
    lock_bits(s->fd, UNSHARED_BASE, s->locked_unshared, F_UNLCK);
    return true;
}
