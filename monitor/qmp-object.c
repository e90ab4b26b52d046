/* object-add and object-del, with the options of each type. */
#include "monitor/qmp-object.h"

#include "system/user-object.h"

QMP_ENUM(object_type, "ObjectType", "iothread", "memory-backend-file", "memory-backend-memfd", "memory-backend-ram", "rng-builtin",
         "rng-random", "secret");
QMP_ENUM(host_mem_policy, "HostMemPolicy", "default", "preferred", "bind", "interleave");
static const QmpType qmp_uint16s = { .meta = QMP_META_LIST, .element = &qmp_uint16 };

QMP_STRUCT(iothread, "IothreadProperties",
           { "aio-max-batch", &qmp_int, QMP_OPTIONAL }, { "thread-pool-min", &qmp_int, QMP_OPTIONAL },
           { "thread-pool-max", &qmp_int, QMP_OPTIONAL }, { "poll-max-ns", &qmp_int, QMP_OPTIONAL },
           { "poll-grow", &qmp_int, QMP_OPTIONAL }, { "poll-shrink", &qmp_int, QMP_OPTIONAL });

QMP_STRUCT(memory_backend, "MemoryBackendProperties",
           { "dump", &qmp_bool, QMP_OPTIONAL }, { "host-nodes", &qmp_uint16s, QMP_OPTIONAL },
           { "merge", &qmp_bool, QMP_OPTIONAL }, { "policy", &qmp_host_mem_policy, QMP_OPTIONAL },
           { "prealloc", &qmp_bool, QMP_OPTIONAL }, { "prealloc-threads", &qmp_uint32, QMP_OPTIONAL },
           { "share", &qmp_bool, QMP_OPTIONAL }, { "reserve", &qmp_bool, QMP_OPTIONAL }, { "size", &qmp_size },
           { "x-use-canonical-path-for-ramblock-id", &qmp_bool, QMP_OPTIONAL });
static const QmpType qmp_memory_backend_file = {
    .name = "MemoryBackendFileProperties", .meta = QMP_META_STRUCT, .base = &qmp_memory_backend,
    .members = QMP_MEMBERS({ "align", &qmp_size, QMP_OPTIONAL }, { "discard-data", &qmp_bool, QMP_OPTIONAL },
                           { "mem-path", &qmp_str }, { "pmem", &qmp_bool, QMP_OPTIONAL },
                           { "readonly", &qmp_bool, QMP_OPTIONAL }),
};
static const QmpType qmp_memory_backend_memfd = {
    .name = "MemoryBackendMemfdProperties", .meta = QMP_META_STRUCT, .base = &qmp_memory_backend,
    .members = QMP_MEMBERS({ "hugetlb", &qmp_bool, QMP_OPTIONAL }, { "hugetlbsize", &qmp_size, QMP_OPTIONAL },
                           { "seal", &qmp_bool, QMP_OPTIONAL }),
};

QMP_STRUCT(rng, "RngProperties", { "opened", &qmp_bool, QMP_OPTIONAL | QMP_DEPRECATED });
static const QmpType qmp_rng_random = {
    .name = "RngRandomProperties", .meta = QMP_META_STRUCT, .base = &qmp_rng,
    .members = QMP_MEMBERS({ "filename", &qmp_str, QMP_OPTIONAL }),
};

QMP_ENUM(secret_format, "QCryptoSecretFormat", "raw", "base64");
QMP_STRUCT(secret, "SecretProperties",
           { "loaded", &qmp_bool, QMP_OPTIONAL | QMP_DEPRECATED }, { "format", &qmp_secret_format, QMP_OPTIONAL },
           { "keyid", &qmp_str, QMP_OPTIONAL }, { "iv", &qmp_str, QMP_OPTIONAL }, { "data", &qmp_str, QMP_OPTIONAL },
           { "file", &qmp_str, QMP_OPTIONAL });

const QmpType qmp_object_options = {
    .name = "ObjectOptions", .meta = QMP_META_STRUCT, .tag = "qom-type",
    .members = QMP_MEMBERS({ "qom-type", &qmp_object_type }, { "id", &qmp_str }),
    .variants = QMP_MEMBERS({ "iothread", &qmp_iothread }, { "memory-backend-file", &qmp_memory_backend_file },
                            { "memory-backend-memfd", &qmp_memory_backend_memfd },
                            { "memory-backend-ram", &qmp_memory_backend }, { "rng-builtin", &qmp_rng },
                            { "rng-random", &qmp_rng_random },
                            { "secret", &qmp_secret }),
};

static Json *object_add(Json *args, Monitor *mon, GError **error)
{
    user_object_add(args, error);
    return NULL;
}

static Json *object_del(Json *args, Monitor *mon, GError **error)
{
    user_object_del(json_member_string(args, "id", NULL), error);
    return NULL;
}

static const QmpCommand commands[] = {
    { "object-add", object_add, &qmp_object_options },
    { "object-del", object_del, QMP_ARGS({ "id", &qmp_str }) },
};
QMP_COMMANDS(commands)
