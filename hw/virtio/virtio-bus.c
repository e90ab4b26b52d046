/* The bus between a transport and its one virtio device. */
#include "hw/virtio/virtio.h"

/* The device's state is saved under the transport's path: "0000:00:01.0:00.0/virtio-blk". */
static char *virtio_bus_dev_path(DeviceState *dev)
{
    return dev->bus->parent ? device_migration_path(dev->bus->parent) : NULL;
}

static void virtio_bus_class_init(ObjectClass *klass, const void *data)
{
    BusClass *bc = BUS_CLASS(klass);

    bc->dev_path = virtio_bus_dev_path;
    bc->max_dev = 1;
}

static const TypeInfo virtio_bus_type = {
    .name = TYPE_VIRTIO_BUS, .parent = TYPE_BUS, .size = sizeof(VirtIOBus), .class_size = sizeof(VirtIOBusClass),
    .abstract = true, .class_init = virtio_bus_class_init,
};

TYPE_REGISTER(virtio_bus_type)
