/* QMP about CPUs and their models. */
#include "monitor/qmp.h"
#include "target/i386/cpu.h"
#include "util/error.h"

QMP_ENUM(target, "SysEmuTarget", "x86_64");
QMP_STRUCT(instance_props, "CpuInstanceProperties", { "node-id", &qmp_int, QMP_OPTIONAL }, { "socket-id", &qmp_int, QMP_OPTIONAL },
           { "die-id", &qmp_int, QMP_OPTIONAL }, { "cluster-id", &qmp_int, QMP_OPTIONAL }, { "core-id", &qmp_int, QMP_OPTIONAL },
           { "thread-id", &qmp_int, QMP_OPTIONAL });
QMP_STRUCT(cpu_info, "CpuInfoFast", { "cpu-index", &qmp_int }, { "qom-path", &qmp_str }, { "thread-id", &qmp_int },
           { "props", &qmp_instance_props, QMP_OPTIONAL }, { "target", &qmp_target });
QMP_LIST(cpu_infos, cpu_info);

static Json *query_cpus_fast(Json *args, Monitor *mon, GError **error)
{
    return x86_query_cpus_fast();
}

QMP_STRUCT(hotpluggable_cpu, "HotpluggableCPU", { "type", &qmp_str }, { "vcpus-count", &qmp_int },
           { "props", &qmp_instance_props }, { "qom-path", &qmp_str, QMP_OPTIONAL });
QMP_LIST(hotpluggable_cpus, hotpluggable_cpu);

static Json *query_hotpluggable_cpus(Json *args, Monitor *mon, GError **error)
{
    if (!current_machine || !MACHINE_GET_CLASS(current_machine)->hotpluggable_cpus) {
        error_setf(error, "The feature 'query-hotpluggable-cpus' is not enabled");
        return NULL;
    }
    return x86_query_hotpluggable_cpus(current_machine);
}

QMP_STRUCT(definition, "CpuDefinitionInfo", { "name", &qmp_str }, { "migration-safe", &qmp_bool, QMP_OPTIONAL },
           { "static", &qmp_bool }, { "unavailable-features", &qmp_strs, QMP_OPTIONAL }, { "typename", &qmp_str },
           { "alias-of", &qmp_str, QMP_OPTIONAL }, { "deprecated", &qmp_bool });
QMP_LIST(definitions, definition);

static Json *query_cpu_definitions(Json *args, Monitor *mon, GError **error)
{
    return x86_query_cpu_definitions();
}

QMP_ENUM(expansion_type, "CpuModelExpansionType", "static", "full");
QMP_STRUCT(model, "CpuModelInfo", { "name", &qmp_str }, { "props", &qmp_any, QMP_OPTIONAL });
QMP_STRUCT(expansion, "CpuModelExpansionInfo", { "model", &qmp_model });

static Json *query_cpu_model_expansion(Json *args, Monitor *mon, GError **error)
{
    return x86_query_cpu_model_expansion(json_member_string(args, "type", NULL), json_member(args, "model"), error);
}

QMP_STRUCT(baseline, "CpuModelBaselineInfo", { "model", &qmp_model });

static Json *query_cpu_model_baseline(Json *args, Monitor *mon, GError **error)
{
    return x86_query_cpu_model_baseline(json_member(args, "modela"), json_member(args, "modelb"), error);
}

QMP_ENUM(compare_result, "CpuModelCompareResult", "incompatible", "identical", "superset", "subset");
QMP_STRUCT(comparison, "CpuModelCompareInfo", { "result", &qmp_compare_result }, { "responsible-properties", &qmp_strs });

static Json *query_cpu_model_comparison(Json *args, Monitor *mon, GError **error)
{
    return x86_query_cpu_model_comparison(json_member(args, "modela"), json_member(args, "modelb"), error);
}

static const QmpCommand commands[] = {
    { "query-cpus-fast", query_cpus_fast, NULL, &qmp_cpu_infos },
    { "query-hotpluggable-cpus", query_hotpluggable_cpus, NULL, &qmp_hotpluggable_cpus, QMP_PRECONFIG },
    { "query-cpu-definitions", query_cpu_definitions, NULL, &qmp_definitions },
    { "query-cpu-model-expansion", query_cpu_model_expansion,
      QMP_ARGS({ "type", &qmp_expansion_type }, { "model", &qmp_model }), &qmp_expansion },
    { "query-cpu-model-baseline", query_cpu_model_baseline, QMP_ARGS({ "modela", &qmp_model }, { "modelb", &qmp_model }), &qmp_baseline },
    { "query-cpu-model-comparison", query_cpu_model_comparison,
      QMP_ARGS({ "modela", &qmp_model }, { "modelb", &qmp_model }), &qmp_comparison },
};
QMP_COMMANDS(commands)
