/* QMP about PCI: errors on purpose, as HMP's pcie_aer_inject_error has them. */
#include "hw/pci/pcie_aer.h"
#include "monitor/qmp.h"

/* The list `name`, of `wanted` numbers if it is there, into `to`; their count, or -1 with an error. */
static int numbers(const Json *args, const char *name, unsigned wanted, uint32_t *to, GError **error)
{
    const Json *list = json_member(args, name);
    size_t count = list ? json_count(list) : 0;

    if (list && count != wanted) {
        error_setf(error, "Parameter '%s' expects %u numbers", name, wanted);
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        int64_t value = 0;

        json_get_int(json_at(list, i), &value);     /* checked as uint32 */
        to[i] = value;
    }
    return count;
}

static Json *inject_error(Json *args, Monitor *mon, GError **error)
{
    PCIEAERRequest request = {
        .id = json_member_string(args, "id", ""),
        .error_status = json_member_string(args, "error", ""),
        .correctable = json_member_bool(args, "correctable", false),
        .advisory_non_fatal = json_member_bool(args, "advisory-non-fatal", false),
    };
    g_autoptr(GString) reply = g_string_new(NULL);
    int header = numbers(args, "header", 4, request.dwords, error);
    int prefix = header < 0 ? -1 : numbers(args, "prefix", 4, request.dwords + 4, error);

    if (header < 0 || prefix < 0) {
        return NULL;
    }
    if (prefix && !header) {
        error_setf(error, "Parameter 'header' is missing");
        return NULL;
    }
    request.num_dwords = header + prefix;
    pcie_aer_inject_request(&request, reply, error);
    return NULL;
}

static const QmpCommand commands[] = {
    { "x-pcie-aer-inject-error", inject_error,
      QMP_ARGS({ "id", &qmp_str }, { "error", &qmp_str }, { "correctable", &qmp_bool, QMP_OPTIONAL },
               { "advisory-non-fatal", &qmp_bool, QMP_OPTIONAL }, { "header", &qmp_uint32s, QMP_OPTIONAL },
               { "prefix", &qmp_uint32s, QMP_OPTIONAL }), NULL, QMP_UNSTABLE },
};
QMP_COMMANDS(commands)
