/*
 * Objects that a user makes: -object and object-add. They live under /objects by their id; their types implement
 * "user-creatable".
 */
#ifndef SYSTEM_USER_OBJECT_H
#define SYSTEM_USER_OBJECT_H

#include "qom/property.h"
#include "util/error.h"

/*
 * opts: "qom-type", "id", and properties with their types. Returns a borrowed object; refused whole or made whole.
 */
Object *user_object_add(const Json *opts, GError **error);
/* The same for -object: without from_json all leaves are texts. */
Object *user_object_add_option(const Json *opts, bool from_json, GError **error);
bool user_object_del(const char *id, GError **error);
/* `-object help` (type NULL) and `-object X,help`. */
bool user_object_help(const char *type, GString *out, GError **error);

#endif
