/* Scatter lists: copying, measuring and cutting arrays of struct iovec. Offsets and lengths are in bytes. */
#ifndef UTIL_IOV_H
#define UTIL_IOV_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

size_t iov_size(const struct iovec *iov, unsigned count);
/* Copies between `buf` and the list from `offset` on; returns how many bytes there were room for, up to `len`. */
size_t iov_from_buf(const struct iovec *iov, unsigned count, size_t offset, const void *buf, size_t len);
size_t iov_to_buf(const struct iovec *iov, unsigned count, size_t offset, void *buf, size_t len);
size_t iov_memset(const struct iovec *iov, unsigned count, size_t offset, int value, size_t len);
/* Cuts bytes off the front or the back in place, moving *iov and *count; returns how many were cut. */
size_t iov_discard_front(struct iovec **iov, unsigned *count, size_t bytes);
size_t iov_discard_back(struct iovec *iov, unsigned *count, size_t bytes);
/* dst becomes the bytes [offset, offset + bytes) of src; returns how many entries that took, at most dst_count. */
unsigned iov_slice(struct iovec *dst, unsigned dst_count, const struct iovec *src, unsigned src_count, size_t offset,
                   size_t bytes);

#endif
