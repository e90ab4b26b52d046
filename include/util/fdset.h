/*
 * Sets of file descriptors (-add-fd, QMP add-fd). "/dev/fdset/7" names a set where a path is expected: opening it gives
 * a copy of the member that was opened with the same access mode.
 */
#ifndef UTIL_FDSET_H
#define UTIL_FDSET_H

#include "util/json.h"

/* Takes fd over. set < 0: a new one; the set's number is left in *set. opaque: a text to find it by, or NULL. */
bool fdset_add(int fd, int64_t *set, const char *opaque, GError **error);
/* One descriptor of a set (fd as the user knows it), or with fd < 0 all. */
bool fdset_remove(int64_t set, int64_t fd, GError **error);
Json *fdset_query(void);        /* query-fdsets */
/* Whether path names a set. */
bool fdset_is_path(const char *path);
/* As open(): a duplicate, close-on-exec, or -1 with errno. Any other path is simply opened. */
int fdset_open(const char *path, int flags, int mode);

#endif
