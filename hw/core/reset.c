#include "hw/core/device-internal.h"

typedef enum { RESET_ENTER, RESET_HOLD, RESET_EXIT, RESET_PHASES } ResetPhase;

static void reset_device_phase(DeviceState *dev, ResetPhase phase);

static void reset_devices_on(BusState *bus, ResetPhase phase)
{
    g_autoptr(GPtrArray) devices = bus_devices(bus);

    for (unsigned i = 0; i < devices->len; i++) {
        DeviceState *dev = devices->pdata[i];

        if (dev->bus == bus) {  /* not unplugged meanwhile */
            reset_device_phase(dev, phase);
        }
    }
}

static void reset_bus_phase(BusState *bus, ResetPhase phase)
{
    const BusClass *bc = BUS_GET_CLASS(bus);

    reset_devices_on(bus, phase);
    if (phase == RESET_HOLD && bc->reset_hold) {
        bc->reset_hold(bus);
    }
}

static void device_own_phase(DeviceState *dev, ResetPhase phase)
{
    const DeviceClass *dc = DEVICE_GET_CLASS(dev);
    void (*fn)(DeviceState *dev) = phase == RESET_ENTER ? dc->reset.enter :
                                   phase == RESET_HOLD  ? dc->reset.hold :
                                                          dc->reset.exit;

    if (fn) {
        fn(dev);
    }
}

static void reset_device_phase(DeviceState *dev, ResetPhase phase)
{
    if (!dev->realized) {
        return;
    }
    if (phase == RESET_ENTER) {
        device_own_phase(dev, phase);
    }
    if (dev->child_buses->len) {
        g_autoptr(GPtrArray) buses = device_buses(dev);

        for (unsigned i = 0; i < buses->len; i++) {
            reset_bus_phase(buses->pdata[i], phase);
        }
    }
    if (phase != RESET_ENTER) {
        device_own_phase(dev, phase);
    }
}

void reset_device(DeviceState *dev)
{
    object_ref(dev);
    for (ResetPhase phase = 0; phase < RESET_PHASES; phase++) {
        reset_device_phase(dev, phase);
    }
    object_unref(dev);
}

void reset_bus(BusState *bus)
{
    object_ref(bus);
    for (ResetPhase phase = 0; phase < RESET_PHASES; phase++) {
        reset_bus_phase(bus, phase);
    }
    object_unref(bus);
}

/* ---- The rest of the machine ---- */

typedef struct ResetHandler {
    void (*fn)(void *opaque);   /* NULL: unregistered while they are called */
    void *opaque;
} ResetHandler;

static GArray *handlers;
static unsigned calling;

void reset_register(void (*fn)(void *opaque), void *opaque)
{
    ResetHandler handler = { fn, opaque };

    if (!handlers) {
        handlers = g_array_new(false, false, sizeof(ResetHandler));
    }
    g_array_append_val(handlers, handler);
}

void reset_unregister(void (*fn)(void *opaque), void *opaque)
{
    for (unsigned i = 0; handlers && i < handlers->len; i++) {
        ResetHandler *h = &g_array_index(handlers, ResetHandler, i);

        if (h->fn == fn && h->opaque == opaque) {
            h->fn = NULL;
            if (!calling) {
                g_array_remove_index(handlers, i);
            }
            return;
        }
    }
}

static void call_handlers(void)
{
    calling++;
    for (unsigned i = 0; handlers && i < handlers->len; i++) {
        ResetHandler h = g_array_index(handlers, ResetHandler, i);

        if (h.fn) {
            h.fn(h.opaque);
        }
    }
    calling--;
    for (unsigned i = handlers ? handlers->len : 0; i-- > 0 && !calling; ) {
        if (!g_array_index(handlers, ResetHandler, i).fn) {
            g_array_remove_index(handlers, i);
        }
    }
}

void reset_machine(void)
{
    reset_bus(bus_main_system());
    call_handlers();
}
