/*
 * The ledger: what a stream of ours says about the machine that it comes from, beyond its state, under the key "godwit"
 * of its description. The destination compares it with itself and refuses what the guest would see change (drift).
 *
 * Devices are compared by what the compat history knows: each property of its rows has a value in each device, whether
 * or not the release lets anybody set it. Layers above add what they know here.
 */
#ifndef MIGRATION_LEDGER_H
#define MIGRATION_LEDGER_H

#include "hw/core/compat.h"
#include "migration/stream.h"
#include "util/json.h"

/* A member of the ledger of its own. */
typedef struct LedgerPart {
    const char *name;                               /* "cpu" */
    Json *(*write)(void);                           /* NULL result: nothing to say */
    /* False if the guest would see a difference: notes say which, and what to do about it. */
    bool (*compare)(const Json *theirs, Stream *notes);
} LedgerPart;
void ledger_add_part(const LedgerPart *part);       /* must live for ever */

/*
 * Whether and where the guest sees a row's property in this device. False: it does not (the capability is not there).
 * *where may become a text, the caller's: "PCI_ERR_UNCOR_MASK, offset 0x8 in …". Set by the layer that knows devices.
 */
extern bool (*ledger_visible)(Object *device, const CompatRow *row, char **where);

/*
 * What a difference in a row's property is, why, and what to set on which side, as notes. `theirs` is the source's value,
 * `their_release` its release (NULL: not known), `where` as above (NULL: nothing).
 */
void ledger_explain(Stream *notes, Object *device, const CompatRow *row, const char *theirs, const Release *their_release,
                    const char *where);
/* The row of the history about a property of this device, and the property's value in it now; NULL: there is none. */
const CompatRow *ledger_row(Object *device, const char *property, char **value);

#endif
