/* A file that is written beside its place and put there when it is whole. */
#ifndef MIGRATION_FILE_OUT_H
#define MIGRATION_FILE_OUT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct FileOut FileOut;

/*
 * What `path` holds below `offset` is taken along; the descriptor stands there. What is no regular file (a pipe, a
 * device) is written in place.
 */
FileOut *file_out_open(const char *path, uint64_t offset, GError **error);
int file_out_fd(const FileOut *file);
/* commit: on disk, and in its place. Otherwise, or on an error, the place is as it was. Frees. */
bool file_out_close(FileOut *file, bool commit, GError **error);

#endif
