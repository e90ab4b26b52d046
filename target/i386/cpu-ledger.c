/*
 * The CPU in the ledger. Nothing of CPUID is in the CPU's section: a guest that moves to a CPU with other features finds
 * out when an instruction is not there. So both sides say what their guests see, and a difference is refused.
 */
#include <string.h>

#include "migration/ledger.h"
#include "target/i386/cpu-internal.h"

static const char *cpu_text(void)
{
    return current_machine && current_machine->cpu_model ? current_machine->cpu_model : "";
}

/* The model alone, of "host,pcid=off". */
static char *model_of(const char *text)
{
    return g_strndup(text, strcspn(text, ","));
}

typedef struct Listing {
    const X86CPU *cpu;
    Json *names;
} Listing;

static void list_feature(const char *name, X86FeatureWordIndex word, uint64_t mask, void *opaque)
{
    Listing *l = opaque;

    if (l->cpu->features[word] & mask) {
        json_append(l->names, json_new_string(name));
    }
}

static Json *feature_names(const X86CPU *cpu)
{
    Listing l = { cpu, json_new_array() };

    x86_foreach_feature(list_feature, &l);
    return l.names;
}

static Json *cpu_write(void)
{
    const X86CPU *cpu = x86_cpu_count() ? x86_cpu_by_index(0) : NULL;
    Json *entry;

    if (!cpu) {
        return NULL;
    }
    entry = json_new_object();
    json_set(entry, "text", json_new_string(cpu_text()));
    json_set(entry, "type", json_new_string(object_type(&cpu->parent_obj.parent_obj)));
    json_set(entry, "vendor", json_new_string(cpu->vendor));
    json_set(entry, "model-id", json_new_string(cpu->model_id));
    json_set(entry, "family", json_new_int(cpu->family));
    json_set(entry, "model", json_new_int(cpu->model));
    json_set(entry, "stepping", json_new_int(cpu->stepping));
    json_set(entry, "features", feature_names(cpu));
    return entry;
}

/* The names in `a` that `b` has not: "pcid, stibp", and with `off` "pcid=off,stibp=off". NULL: none. */
static char *only_in(const Json *a, const Json *b, bool off)
{
    g_autoptr(GHashTable) have = g_hash_table_new(g_str_hash, g_str_equal);
    GString *names = g_string_new(NULL);

    for (size_t i = 0; i < json_count(b); i++) {
        if (json_get_string(json_at(b, i))) {
            g_hash_table_add(have, (gpointer)json_get_string(json_at(b, i)));
        }
    }
    for (size_t i = 0; i < json_count(a); i++) {
        const char *name = json_get_string(json_at(a, i));

        if (name && !g_hash_table_contains(have, name)) {
            g_string_append_printf(names, off ? "%s%s=off" : "%s%s", !names->len ? "" : off ? "," : ", ", name);
        }
    }
    return g_string_free(names, names->len == 0);
}

static bool compare_features(const Json *theirs, const Json *ours, Stream *notes)
{
    const Json *their_list = json_member(theirs, "features"), *our_list = json_member(ours, "features");
    g_autofree char *lost = NULL, *gained = NULL, *lost_off = NULL, *gained_off = NULL;
    g_autofree char *their_model = model_of(json_member_string(theirs, "text", ""));
    g_autofree char *our_model = model_of(cpu_text());

    if (!their_list || json_type(their_list) != JSON_ARRAY) {
        return true;
    }
    lost = only_in(their_list, our_list, false);
    gained = only_in(our_list, their_list, false);
    if (!lost && !gained) {
        return true;
    }
    if (lost) {
        lost_off = only_in(their_list, our_list, true);
        stream_note(notes, "the guest's CPU has features that this side's has not: %s", lost);
        stream_note(notes, "power the guest on, on the source, with -cpu %s,%s", *their_model ? their_model : "MODEL", lost_off);
    }
    if (gained) {
        gained_off = only_in(our_list, their_list, true);
        stream_note(notes, "this side's CPU has features that the guest's has not: %s", gained);
        stream_note(notes, "start this side with -cpu %s,%s", *our_model ? our_model : "MODEL", gained_off);
    }
    return false;
}

static bool same_number(const Json *theirs, const Json *ours, const char *name, Stream *notes)
{
    int64_t a = json_member_int(theirs, name, -1), b = json_member_int(ours, name, -1);

    if (a == b) {
        return true;
    }
    stream_note(notes, "the guest's CPU is of %s %" G_GINT64_FORMAT ", this side's of %s %" G_GINT64_FORMAT
                ": the same -cpu must be given on both sides", name, a, name, b);
    return false;
}

static bool same_text(const Json *theirs, const Json *ours, const char *name, Stream *notes)
{
    const char *a = json_member_string(theirs, name, ""), *b = json_member_string(ours, name, "");

    if (strcmp(a, b) == 0) {
        return true;
    }
    stream_note(notes, "the guest's CPU says of itself %s '%s', this side's '%s'", name, a, b);
    return false;
}

static bool cpu_compare(const Json *theirs, Stream *notes)
{
    g_autoptr(Json) ours = cpu_write();
    bool same = true;

    if (!ours || json_type(theirs) != JSON_OBJECT) {
        return true;
    }
    same &= compare_features(theirs, ours, notes);
    same &= same_text(theirs, ours, "vendor", notes);
    same &= same_number(theirs, ours, "family", notes);
    same &= same_number(theirs, ours, "model", notes);
    same &= same_number(theirs, ours, "stepping", notes);
    same &= same_text(theirs, ours, "model-id", notes);
    return same;
}

static void __attribute__((constructor)) cpu_ledger_init(void)
{
    static const LedgerPart part = { .name = "cpu", .write = cpu_write, .compare = cpu_compare };

    ledger_add_part(&part);
}
