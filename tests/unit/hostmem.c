/* Memory backends: what they map, what they refuse, and that they go away. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qom/property.h"
#include "system/hostmem.h"
#include "system/memory.h"
#include "system/ramblock.h"
#include "util/units.h"

static char *dir;

/* As -object makes one: properties, into the tree, complete. NULL with *why set if it is refused. */
static Object *make(const char *type, const char *id, const char *props, char **why)
{
    Object *objects = object_container(object_root(), "objects");
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) list = g_strsplit(props, ",", -1);
    Object *obj = object_new(type);
    UserCreatableClass *uc = object_class_dynamic_cast(obj->klass, TYPE_USER_CREATABLE);
    bool ok = true;

    for (int i = 0; ok && list[i] && *list[i]; i++) {
        char *equals = strchr(list[i], '=');

        *equals = '\0';
        ok = object_property_parse(obj, list[i], equals + 1, PROP_ORIGIN_USER, &error);
    }
    object_add_child(objects, id, obj);
    object_unref(obj);
    if (!ok || !uc->complete(obj, &error)) {
        *why = g_strdup(error->message);
        object_unparent(obj);
        return NULL;
    }
    return obj;
}

static void refused(const char *type, const char *props, const char *want)
{
    char *why = NULL;

    g_assert_null(make(type, "m", props, &why));
    g_assert_cmpstr(why, ==, want);
    g_assert_null(ramblock_by_name("m"));
    g_free(why);
}

static void ram_is_a_block_of_the_objects_name_and_zero(void)
{
    char *why = NULL;
    Object *obj = make(TYPE_MEMORY_BACKEND_RAM, "m", "size=64k", &why);
    RAMBlock *block = ramblock_by_name("m");

    g_assert_nonnull(obj);
    g_assert_nonnull(block);
    g_assert_cmpuint(block->used_length, ==, 64 * KiB);
    g_assert_cmpint(((uint8_t *)memory_region_host(hostmem_region(MEMORY_BACKEND(obj))))[4096], ==, 0);
    object_unparent(obj);
    g_assert_null(ramblock_by_name("m"));
}

static void a_block_may_be_named_after_the_path(void)
{
    char *why = NULL;
    Object *obj = make(TYPE_MEMORY_BACKEND_RAM, "m", "size=64k,x-use-canonical-path-for-ramblock-id=on", &why);

    g_assert_nonnull(ramblock_by_name("/objects/m"));
    object_unparent(obj);
}

static void shared_ram_has_a_descriptor(void)
{
    char *why = NULL;
    Object *obj = make(TYPE_MEMORY_BACKEND_RAM, "m", "size=64k,share=on", &why);

    g_assert_cmpint(ramblock_by_name("m")->fd, >=, 0);
    g_assert_true(ramblock_by_name("m")->shared);
    object_unparent(obj);
}

static void a_new_file_is_made_as_large_as_asked(void)
{
    g_autofree char *path = g_build_filename(dir, "new", NULL);
    g_autofree char *props = g_strdup_printf("size=64k,share=on,mem-path=%s", path);
    char *why = NULL, byte;
    Object *obj = make(TYPE_MEMORY_BACKEND_FILE, "m", props, &why);
    struct stat st;
    FILE *f;

    g_assert_nonnull(obj);
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, 64 * KiB);
    memcpy(memory_region_host(hostmem_region(MEMORY_BACKEND(obj))), "x", 1);
    object_unparent(obj);
    f = fopen(path, "r");
    g_assert_cmpint(fread(&byte, 1, 1, f), ==, 1);
    g_assert_cmpint(byte, ==, 'x');
    fclose(f);
}

static void a_directory_holds_a_file_without_a_name(void)
{
    g_autofree char *props = g_strdup_printf("size=64k,mem-path=%s", dir);
    char *why = NULL;
    Object *obj = make(TYPE_MEMORY_BACKEND_FILE, "m", props, &why);
    g_autoptr(GDir) list = g_dir_open(dir, 0, NULL);
    const char *name;

    g_assert_nonnull(obj);
    while ((name = g_dir_read_name(list))) {
        g_assert_false(g_str_has_prefix(name, "godwit-mem"));
    }
    object_unparent(obj);
}

static void a_file_that_is_too_short_is_refused_and_kept(void)
{
    g_autofree char *path = g_build_filename(dir, "short", NULL);
    g_autofree char *props = g_strdup_printf("size=64k,mem-path=%s", path);
    struct stat st;

    g_assert_true(g_file_set_contents(path, "abc", 3, NULL));
    refused(TYPE_MEMORY_BACKEND_FILE, props, "backing store size 0x3 does not match 'size' option 0x10000");
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, 3);
}

static void bad_requests_are_refused(void)
{
    refused(TYPE_MEMORY_BACKEND_RAM, "", "Parameter 'size' is missing");
    refused(TYPE_MEMORY_BACKEND_RAM, "size=64k,policy=bind", "host-nodes must be set for policy bind");
    refused(TYPE_MEMORY_BACKEND_FILE, "size=64k", "Parameter 'mem-path' is missing");
    refused(TYPE_MEMORY_BACKEND_FILE, "size=64k,mem-path=/nonexistent/x",
            "can't open backing store /nonexistent/x for guest RAM: No such file or directory");
}

static void a_sealed_memfd_cannot_grow(void)
{
    char *why = NULL;
    Object *obj = make(TYPE_MEMORY_BACKEND_MEMFD, "m", "size=64k", &why);

    g_assert_cmpint(ftruncate(ramblock_by_name("m")->fd, 128 * KiB), ==, -1);
    object_unparent(obj);
}

static void a_size_is_fixed_once_there_is_memory(void)
{
    char *why = NULL;
    Object *obj = make(TYPE_MEMORY_BACKEND_RAM, "m", "size=64k", &why);
    g_autoptr(GError) error = NULL;

    g_assert_false(object_property_parse(obj, "size", "128k", PROP_ORIGIN_USER, &error));
    g_assert_cmpstr(error->message, ==, "cannot change property size of memory-backend-ram ");
    object_unparent(obj);
}

static void a_backend_in_use_cannot_be_deleted(void)
{
    char *why = NULL;
    Object *obj = make(TYPE_MEMORY_BACKEND_RAM, "m", "size=64k", &why);
    UserCreatableClass *uc = object_class_dynamic_cast(obj->klass, TYPE_USER_CREATABLE);

    g_assert_true(uc->can_be_deleted(obj));
    hostmem_set_mapped(MEMORY_BACKEND(obj), true);
    g_assert_false(uc->can_be_deleted(obj));
    object_unparent(obj);
}

#define ADD(fn) g_test_add_func("/hostmem/" #fn, fn)

int main(int argc, char **argv)
{
    static const char *const left[] = { "new", "short" };
    int status;

    g_test_init(&argc, &argv, NULL);
    memory_init();
    dir = g_dir_make_tmp("hostmem-XXXXXX", NULL);
    ADD(ram_is_a_block_of_the_objects_name_and_zero);
    ADD(a_block_may_be_named_after_the_path);
    ADD(shared_ram_has_a_descriptor);
    ADD(a_new_file_is_made_as_large_as_asked);
    ADD(a_directory_holds_a_file_without_a_name);
    ADD(a_file_that_is_too_short_is_refused_and_kept);
    ADD(bad_requests_are_refused);
    ADD(a_sealed_memfd_cannot_grow);
    ADD(a_size_is_fixed_once_there_is_memory);
    ADD(a_backend_in_use_cannot_be_deleted);
    status = g_test_run();
    for (size_t i = 0; i < G_N_ELEMENTS(left); i++) {
        g_autofree char *path = g_build_filename(dir, left[i], NULL);

        unlink(path);
    }
    rmdir(dir);
    return status;
}
