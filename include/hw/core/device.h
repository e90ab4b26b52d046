/*
 * Devices and buses.
 *
 * A device is made, its properties are set, and it is realized: it checks them, makes what it needs and plugs into its
 * bus. A failed realize leaves nothing behind. Unrealize undoes it. A realized device takes part in reset and in
 * migration (its class's vmsd).
 *
 * A bus hangs on a device and holds devices of one kind. It can say where on it a device sits, as a path component
 * ("0000:00:1f.0") for the migration stream.
 *
 * Reset has three phases, each over the whole tree, parents before children in `enter` and after them in `hold` and
 * `exit`: enter sets state and touches nobody else; hold may drive lines; exit starts what runs by itself.
 */
#ifndef HW_CORE_DEVICE_H
#define HW_CORE_DEVICE_H

#include "hw/core/irq.h"
#include "qom/object.h"
#include "qom/property.h"

struct VMStateDescription;

#define TYPE_DEVICE "device"
OBJECT_DECLARE_TYPE(DeviceState, DeviceClass, DEVICE)
#define TYPE_BUS "bus"
OBJECT_DECLARE_TYPE(BusState, BusClass, BUS)
#define TYPE_SYSTEM_BUS "System"

/* The headings of `-device help`, in its order. */
typedef enum {
    DEVICE_CATEGORY_BRIDGE,     /* Controller/Bridge/Hub */
    DEVICE_CATEGORY_USB,
    DEVICE_CATEGORY_STORAGE,
    DEVICE_CATEGORY_NETWORK,
    DEVICE_CATEGORY_INPUT,
    DEVICE_CATEGORY_DISPLAY,
    DEVICE_CATEGORY_SOUND,
    DEVICE_CATEGORY_MISC,
    DEVICE_CATEGORY_CPU,
    DEVICE_CATEGORY_WATCHDOG,
    DEVICE_CATEGORIES,
} DeviceCategory;

struct DeviceClass {
    ObjectClass parent_class;
    /* The subclass's realize runs the parent's itself, first or last as it needs. */
    bool (*realize)(DeviceState *dev, GError **error);
    void (*unrealize)(DeviceState *dev);
    struct {
        void (*enter)(DeviceState *dev);
        void (*hold)(DeviceState *dev);
        void (*exit)(DeviceState *dev);
    } reset;
    const struct VMStateDescription *vmsd;
    const char *bus_type;           /* NULL: sits on no bus */
    const char *alias;              /* another name that -device takes */
    const char *fw_name;            /* in firmware device paths */
    uint32_t categories;            /* bits 1 << DeviceCategory */
    bool user_creatable;            /* by -device; true unless a class says otherwise */
    bool hotpluggable;              /* by device_add; true unless a class says otherwise */
};

typedef struct NamedIrqs NamedIrqs;

struct DeviceState {
    Object parent_obj;
    char *id;                       /* the user's, NULL if none */
    bool realized;
    bool hotplugged;                /* made after the machine was */
    bool pending_unplug;            /* the guest was asked to let it go */
    int64_t ask_again;              /* … and may be asked again then (virtual time); 0: not at all */
    BusState *bus;                  /* the bus that it sits on */
    GPtrArray *child_buses;         /* BusState *, borrowed */
    NamedIrqs *irqs;                /* list of named in and out lines */
    int instance_id;                /* migration: -1: the next free one */
    Json *opts;                     /* what the user gave, for the ledger; NULL for board devices */
    /* the core's own */
    GError *init_error;             /* a -global that does not fit: realize refuses with it */
    Object *self;                   /* where the bus's child[N] link leads */
    unsigned bus_index;             /* N of child[N] */
    bool on_bus;                    /* among the bus's children */
    bool unattached;                /* put into the tree by realize */
    bool was_realized;              /* its end is an event */
};

/* What a bus asks of and does for its devices. */
struct BusClass {
    ObjectClass parent_class;
    /* This device's component of the migration path; NULL result: none. Caller frees. */
    char *(*dev_path)(DeviceState *dev);
    /* Refuses a device that can't sit here (bad or busy address); before realize. */
    bool (*check)(BusState *bus, DeviceState *dev, GError **error);
    void (*print_dev)(GString *out, DeviceState *dev, int indent); /* info qtree */
    /* The device that it hangs on is realized, and registered for migration. */
    void (*realized)(BusState *bus);
    void (*reset_hold)(BusState *bus);
    unsigned max_dev;               /* 0: no limit */
    unsigned automatic_ids;         /* the core's own: counts the buses that got a name of their class */
};

/* The hot-plug controller of a bus: any object that implements it. */
#define TYPE_HOTPLUG_HANDLER "hotplug-handler"
typedef struct HotplugHandlerClass {
    ObjectClass parent;
    bool (*pre_plug)(Object *handler, DeviceState *dev, GError **error);
    bool (*plug)(Object *handler, DeviceState *dev, GError **error);            /* after realize */
    /* Asks the guest, and sets dev->pending_unplug; or, if nobody needs to be asked, calls device_unplug(). */
    bool (*unplug_request)(Object *handler, DeviceState *dev, GError **error);
    void (*unplug)(Object *handler, DeviceState *dev);  /* it is unrealized now, and about to leave its bus */
    bool (*can_hotplug)(Object *handler, BusState *bus);    /* NULL: yes */
} HotplugHandlerClass;

struct BusState {
    Object parent_obj;
    DeviceState *parent;            /* NULL: the main system bus */
    char *name;                     /* "pcie.0" */
    bool realized, full;
    GPtrArray *children;            /* DeviceState *, in order of plugging, borrowed */
    Object *hotplug_handler;        /* borrowed; NULL: no hot plug here */
    int max_index;
};

/* Devices. */
DeviceState *device_new(const char *type);      /* aborts on an unknown type */
/*
 * Puts the device on the bus (NULL: none) and into the tree (unattached if it has no parent yet), then realizes it: the
 * hot-plug handler's pre_plug, the bus's check, the class's realize, the migration section, the child buses, a reset if
 * it is hot-plugged, the handler's plug. A failure undoes all of it.
 */
bool device_realize(DeviceState *dev, BusState *bus, GError **error);
/* As device_realize, and drops the caller's reference: the tree holds it. A failure takes it out of the tree, too. */
bool device_realize_and_unref(DeviceState *dev, BusState *bus, GError **error);
/* The mirror of realize, with the devices below it first. It stays on its bus and in the tree. */
void device_unrealize(DeviceState *dev);
/* Unrealizes it and takes it, and what is below it, out of bus and tree: DEVICE_DELETED for each. */
void device_unplug(DeviceState *dev);
const char *device_path_name(const DeviceState *dev);   /* id, or the type's name: for messages */
char *device_migration_path(DeviceState *dev);  /* "0000:00:01.0:00.0"; NULL: none. Caller frees */
DeviceState *device_find(const char *id);       /* among /machine/peripheral, or by absolute path */
/* Its bus takes and gives devices while the machine runs. */
bool device_is_hotpluggable(DeviceState *dev);

/* -device and device_add: what qdev does. `opts` is a JSON object with "driver", "bus", "id" and properties; values
 * that came as text are strings and parsed leniently when `from_json` is false. Returns a borrowed device. */
DeviceState *device_add(Json *opts, bool from_json, GError **error);
/* device_del: asks the hot-plug handler; finishes at once or when the guest agrees (DEVICE_DELETED). */
bool device_del(const char *id, GError **error);
/* `-device help` (driver NULL) and `-device X,help`, in QEMU's format. */
bool device_help(const char *driver, GString *out, GError **error);
/* device-list-properties: {"name", "type", "description", "default-value"} each. */
Json *device_list_properties(const char *driver, GError **error);
/* The class -device may make: by name or alias, with QEMU's refusals. */
DeviceClass *device_class_for_user(const char *driver, GError **error);

/* Named lines; name NULL is the unnamed set. */
void device_init_irq_in(DeviceState *dev, IrqHandler handler, const char *name, int n);
void device_init_irq_out(DeviceState *dev, Irq **lines, const char *name, int n); /* `lines[n]` are in the device */
Irq *device_irq_in(DeviceState *dev, const char *name, int n);
unsigned device_irq_in_count(const DeviceState *dev, const char *name);   /* 0: no such set */
void device_connect_irq(DeviceState *dev, const char *name, int n, Irq *target);
/* qtest: calls fn(opaque, n, level) instead of (in) or as well as (out) the real one. */
bool device_intercept_irqs(DeviceState *dev, const char *name, bool out, IrqHandler fn, void *opaque);

/* Buses. */
/* `name` NULL: the parent's id + ".0", or the type's lower-case name + ".N", as QEMU names them. */
BusState *bus_new(const char *type, DeviceState *parent, const char *name);
void bus_init(void *bus, size_t size, const char *type, DeviceState *parent, const char *name);
/* Its end: devices on it that are its parent's own children are unrealized and left alone, others are unplugged. */
void bus_unparent(BusState *bus);
BusState *bus_main_system(void);                /* "main-system-bus" */
/*
 * A bus by name ("pcie.0"), or by a path of buses and devices ("pcie.0/rp0", "/q35-pcihost/pcie.0") of which the last
 * device's only bus may be left out. Refusals as QEMU's ("Bus 'x' not found").
 */
BusState *bus_find(const char *name, GError **error);
/* The first bus of the type that has room, from the main system bus down, newest devices first. */
BusState *bus_find_for_type(const char *bus_type);
bool bus_is_full(const BusState *bus);
/* NULL: no hot plug here (any more). */
void bus_set_hotplug_handler(BusState *bus, Object *handler);
bool bus_is_hotpluggable(BusState *bus);

/*
 * Reset: all that hangs below the main system bus, or one device or bus with everything below it. Devices may be
 * unplugged by it. What sits on no bus is reset by whom it belongs to, or registers itself.
 */
void reset_register(void (*fn)(void *opaque), void *opaque);    /* after the devices', in order of registration */
void reset_unregister(void (*fn)(void *opaque), void *opaque);
void reset_machine(void);
void reset_device(DeviceState *dev);
void reset_bus(BusState *bus);

/* The board calls it when all cold-plugged devices are there: later ones are hot-plugged. */
void device_set_machine_ready(void);
bool device_machine_ready(void);

/* -global. Kept in order; each remembers whether an object of its class was made. */
bool global_add(const char *driver, const char *prop, const char *value, GError **error);
bool global_parse(const char *option, GError **error);  /* "driver.prop=value" or driver=,property=,value= */
void global_warn_unused(void);  /* once the machine is complete */

/* `info qtree`. */
void device_print_tree(GString *out);

#endif
