/* Files of the user's. */
#ifndef UTIL_FILE_H
#define UTIL_FILE_H

#include <glib.h>
#include <stdbool.h>

/* Writes a file that the user named: made, or emptied and written over; what is no regular file, or a link to one, stays what it is. */
bool file_write(const char *path, const void *data, size_t len, GError **error);

#endif
