/* The accelerators. */
#include "accel/accel.h"

#include <string.h>

#include "accel/cpus.h"
#include "system/qtest.h"
#include "target/i386/cpu.h"
#include "util/error.h"

typedef struct AccelClass {
    ObjectClass parent_class;
    bool (*use)(Object *accel, GError **error);
} AccelClass;

static Object *current;     /* at /machine's side, not in the tree: it is chosen before there is one; NULL: tcg */

/* --- tcg --- */

#define TYPE_TCG_ACCEL "tcg-accel"
OBJECT_DECLARE_SIMPLE_TYPE(TcgAccel, TCG_ACCEL)

/* Its properties are QEMU's translator's; what has no meaning for this engine is taken and kept. */
struct TcgAccel {
    Object parent_obj;
    char *thread, *host_cpu;
    uint32_t tb_size;
    bool split_wx, one_insn_per_tb;
};

static bool tcg_use(Object *obj, GError **error)
{
    const TcgAccel *tcg = TCG_ACCEL(obj);

    if (tcg->thread && strcmp(tcg->thread, "single") != 0 && strcmp(tcg->thread, "multi") != 0) {
        return error_setf(error, "Invalid 'thread' setting %s", tcg->thread);
    }
    return !tcg->host_cpu || x86_cpu_set_host_file(tcg->host_cpu, error);
}

static const Property tcg_props[] = {
    DEFINE_PROP_STRING("thread", TcgAccel, thread),
    DEFINE_PROP_UINT32("tb-size", TcgAccel, tb_size, 0, .description = "TCG translation block cache size"),
    DEFINE_PROP_BOOL("split-wx", TcgAccel, split_wx, false, .description = "Map jit pages into separate RW and RX regions"),
    DEFINE_PROP_BOOL("one-insn-per-tb", TcgAccel, one_insn_per_tb, false,
                     .description = "Only put one guest insn in each translation block"),
    DEFINE_PROP_STRING("x-host-cpu", TcgAccel, host_cpu, .description = "File that describes the CPU of -cpu host"),
};

static void tcg_class_init(ObjectClass *klass, const void *data)
{
    ((AccelClass *)klass)->use = tcg_use;
    object_class_add_props(klass, tcg_props, G_N_ELEMENTS(tcg_props));
}

/* --- qtest --- */

static bool qtest_use(Object *obj, GError **error)
{
    (void)obj;
    (void)error;
    qtest_enable();
    return true;
}

static void qtest_class_init(ObjectClass *klass, const void *data)
{
    ((AccelClass *)klass)->use = qtest_use;
}

static const TypeInfo accel_types[] = {
    { .name = TYPE_ACCEL, .parent = TYPE_OBJECT, .abstract = true, .class_size = sizeof(AccelClass) },
    { .name = TYPE_TCG_ACCEL, .parent = TYPE_ACCEL, .size = sizeof(TcgAccel), .class_init = tcg_class_init },
    { .name = "qtest-accel", .parent = TYPE_ACCEL, .class_init = qtest_class_init },
};
TYPES_REGISTER(accel_types)

/* --- choosing --- */

typedef struct Setting {
    Object *accel;
    GError **error;
} Setting;

static bool set_one(const char *key, Json *value, void *opaque)
{
    const Setting *s = opaque;

    return strcmp(key, "accel") == 0 || strcmp(key, "id") == 0 ||
           object_property_parse(s->accel, key, json_get_string(value), PROP_ORIGIN_USER, s->error);
}

bool accel_is_known(const char *name)
{
    g_autofree char *type = g_strdup_printf("%s-accel", name);

    return type_is_a(type, TYPE_ACCEL);
}

bool accel_use(const char *name, const Json *properties, GError **error)
{
    g_autofree char *type = g_strdup_printf("%s-accel", name);
    Object *accel;
    Setting s;

    if (!accel_is_known(name)) {
        return error_setf(error, "invalid accelerator %s", name);
    }
    accel = object_new(type);
    s = (Setting){ accel, error };
    if ((properties && !json_foreach(properties, set_one, &s)) || !((AccelClass *)accel->klass)->use(accel, error)) {
        object_unref(accel);
        return false;
    }
    if (current) {
        object_unref(current);
    }
    current = accel;
    return true;
}

static bool executes(void)
{
    return !qtest_enabled() && (!current || object_dynamic_cast(current, TYPE_TCG_ACCEL));
}

void accel_prepare(void)
{
    if (executes()) {
        x86_cpu_set_executing();
    }
}

static void count_instructions(const Json *icount)
{
    const char *shift = json_member_string(icount, "shift", "auto");

    cpus_count(strcmp(shift, "auto") == 0 ? 3 : (unsigned)g_ascii_strtoull(shift, NULL, 10),
               strcmp(json_member_string(icount, "sleep", "on"), "off") != 0);
}

void accel_start(const Json *icount)
{
    if (executes()) {
        if (icount && json_has(icount, "shift")) {
            count_instructions(icount);
        }
        cpus_enable();
    }
}

static void add_name(const char *type, void *out)
{
    g_string_append_printf(out, "%.*s\n", (int)(strlen(type) - strlen("-accel")), type);
}

void accel_help(GString *out)
{
    type_foreach(TYPE_ACCEL, false, add_name, out);
}
