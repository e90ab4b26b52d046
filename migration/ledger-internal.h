/* The section half's own view of the ledger. */
#ifndef MIGRATION_LEDGER_INTERNAL_H
#define MIGRATION_LEDGER_INTERNAL_H

#include "migration/ledger.h"

#define LEDGER_KEY "godwit"
enum { LEDGER_FORMAT = 1 };

/* Appends the ledger of this machine, a JSON object. */
void ledger_write(GString *json);
/* The ledger in a stream's description; NULL if it has none that can be read. */
Json *ledger_extract(const char *text, size_t length);
/* Explains that a section has nobody here to take it. */
void ledger_note_missing(Stream *notes, const char *idstr);
/*
 * The machine of this ledger (NULL: of a stream without one) is here now: its trail goes on. A state that comes back to
 * where it was saved made no hop.
 */
void ledger_adopt(const Json *ledger, bool came_back);

/* Calls fn for every device of the machine, with the key that names it on both sides. */
void ledger_foreach_device(void (*fn)(Object *device, const char *key, void *opaque), void *opaque);
/* The values of the history's properties in a device: an object, NULL if there are none. */
Json *ledger_behaviour(Object *device);

/* The trail. hops and carried overrides, for the ledger. */
void trail_write(Json *ledger);
void trail_adopt(const Json *ledger, bool came_back);
/* The parts that layers above added. */
const LedgerPart *const *ledger_parts(unsigned *count);
/* As text; booleans are on and off. Caller frees. */
char *ledger_value_text(const Json *value);
/* "8.0.1"; false if it is none. */
bool ledger_release(const Json *ledger, Release *r);

#endif
