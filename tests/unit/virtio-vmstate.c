/* A virtio device's state in the stream: its bytes, what comes back from them, and what is refused. */
#include "tests/lib/virtqueue-guest.h"

#include <errno.h>

#include "migration/vmstate.h"
#include "util/iov.h"

static const VMStateDescription vmstate_test = {
    .name = "virtio-test", .version_id = 1, .minimum_version_id = 1, .fields = VMS_FIELDS(VMS_VIRTIO_DEVICE),
};

/* Where things are: the fake transport has no part of its own. */
enum {
    AT_STATUS = 0,
    AT_ISR = 1,
    AT_QUEUE_SEL = 2,
    AT_FEATURES = 4,
    AT_CONFIG_LEN = 8,
    AT_CONFIG = 12,
    AT_QUEUES = 20,
    AT_NUM = 24,
    AT_DESC = 28,
    AT_LAST_AVAIL = 36,
    AT_SUBSECTIONS = 38,
};

static GByteArray *save(void)
{
    Stream *s = stream_new_memory(NULL, 0);
    GByteArray *bytes;

    g_assert_true(vmstate_save(s, &vmstate_test, guest.vdev, NULL, NULL));
    bytes = stream_memory_take(s);
    stream_close(s, true, NULL);
    return bytes;
}

/* True: loaded, and every byte was taken. What follows in a stream is there: the section's footer. */
static bool load(const GByteArray *bytes, GError **error)
{
    g_autoptr(GByteArray) more = g_byte_array_new();
    bool ok;
    Stream *s;

    g_byte_array_append(more, bytes->data, bytes->len);
    g_byte_array_append(more, (const uint8_t *)"\x7e", 1);
    s = stream_new_memory(more->data, more->len);
    ok = vmstate_load(s, &vmstate_test, guest.vdev, 1, error) && stream_position(s) == bytes->len;
    stream_close(s, false, NULL);
    return ok;
}

/* A cut within a subsection's name leaves bytes: the next section will be refused. */
static bool load_cut_off(const GByteArray *bytes, size_t len)
{
    Stream *s = stream_new_memory(bytes->data, len);
    bool ok = vmstate_load(s, &vmstate_test, guest.vdev, 1, NULL) && stream_position(s) == len;

    stream_close(s, false, NULL);
    return ok;
}

static void assert_loads(const GByteArray *bytes)
{
    GError *error = NULL;

    g_assert_true(load(bytes, &error));
    g_assert_no_error(error);
}

static void assert_refused(const GByteArray *bytes, const char *reason)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *first = NULL;

    g_assert_false(load(bytes, &error));
    first = g_strndup(error->message, strcspn(error->message, "\n"));
    g_assert_cmpstr(first, ==, reason);
    g_assert_cmpint(vmstate_error_errno(error), ==, EPERM);
    virtio_reset(guest.vdev);
}

/* The place of a subsection's body. */
static size_t body_of(const GByteArray *bytes, const char *name)
{
    size_t len = strlen(name);
    const uint8_t *at = memmem(bytes->data, bytes->len, name, len);

    g_assert_nonnull(at);
    return at - bytes->data + len + 4;
}

static bool has(const GByteArray *bytes, const char *name)
{
    return memmem(bytes->data, bytes->len, name, strlen(name)) != NULL;
}

/* ---- Bytes ---- */

static void append_subsection(GByteArray *bytes, const char *name)
{
    const uint8_t head[] = { 5, strlen(name) }, version[] = { 0, 0, 0, 1 };

    g_byte_array_append(bytes, head, sizeof(head));
    g_byte_array_append(bytes, (const uint8_t *)name, strlen(name));
    g_byte_array_append(bytes, version, sizeof(version));
}

static void reset_device_has_these_bytes(void)
{
    g_autoptr(GByteArray) got = NULL;
    g_autoptr(GByteArray) want = g_byte_array_new();
    static const uint8_t zero[16384];
    static const uint8_t head[] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 4, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    };
    static const uint8_t packed[] = { 0, 0, 1, 0, 0, 1, 0, 0, 0, 0 };

    virtio_reset(guest.vdev);
    got = save();
    g_byte_array_append(want, head, sizeof(head));
    append_subsection(want, "virtio/64bit_features");
    g_byte_array_append(want, zero, 8);
    append_subsection(want, "virtio/virtqueues");
    g_byte_array_append(want, zero, 16384);
    append_subsection(want, "virtio/packed_virtqueues");
    for (unsigned i = 0; i < 1024; i++) {
        g_byte_array_append(want, packed, sizeof(packed));
    }
    g_assert_cmpmem(got->data, got->len, want->data, want->len);
}

static void running_device_has_its_subsections(void)
{
    g_autoptr(GByteArray) bytes = NULL;

    guest_start(64, V1);
    bytes = save();
    g_assert_true(has(bytes, "virtio/ringsize") && has(bytes, "virtio/started"));
    g_assert_false(has(bytes, "virtio/broken") || has(bytes, "virtio/disabled"));
    g_assert_cmphex(load_be64(bytes->data + body_of(bytes, "virtio/64bit_features")), ==, V1);
    g_assert_cmphex(load_be64(bytes->data + body_of(bytes, "virtio/virtqueues")), ==, GUEST_AVAIL);
    g_assert_cmphex(load_be64(bytes->data + body_of(bytes, "virtio/virtqueues") + 8), ==, GUEST_USED);
    g_assert_cmpuint(load_be32(bytes->data + body_of(bytes, "virtio/ringsize")), ==, GUEST_QUEUE_MAX);
    g_assert_cmpuint(load_be32(bytes->data + AT_NUM), ==, 64);
    virtio_set_disabled(guest.vdev, true);
    virtio_error(guest.vdev, "test");
    g_byte_array_unref(bytes);
    bytes = save();
    g_assert_true(has(bytes, "virtio/broken") && has(bytes, "virtio/disabled"));
}

/* ---- There and back ---- */

static void state_comes_back(void)
{
    g_autoptr(GByteArray) bytes = NULL;
    g_autoptr(GByteArray) again = NULL;

    guest_start(64, V1 | EVENT_IDX);
    guest_desc(GUEST_DESC, 0, GUEST_DATA, 8, 0, 0);
    for (unsigned i = 0; i < 5; i++) {
        guest_offer(0);
    }
    guest_serve(guest.vq);
    guest.vdev->config[3] = 0x33;
    guest.vdev->queue_sel = 1023;
    bytes = save();
    virtio_reset(guest.vdev);
    guest.vdev->config[3] = 0;
    assert_loads(bytes);
    again = save();
    g_assert_cmpmem(again->data, again->len, bytes->data, bytes->len);
    g_assert_true(guest.vdev->started);
    g_assert_cmpuint(virtqueue_in_flight(guest.vq), ==, 0);
    guest_offer(0);
    g_assert_cmpuint(guest_serve(guest.vq), ==, 1);
    g_assert_cmpuint(guest_used_idx(), ==, 6);
}

static void packed_state_comes_back(void)
{
    g_autoptr(GByteArray) bytes = NULL;
    g_autoptr(GByteArray) again = NULL;

    guest_start(8, V1 | PACKED);
    for (unsigned i = 0; i < 11; i++) {
        guest_packed_desc(GUEST_DESC, i % 8, GUEST_DATA, 8, i, guest_wrap_flags(i < 8));
        guest_serve(guest.vq);
    }
    bytes = save();
    virtio_reset(guest.vdev);
    assert_loads(bytes);
    again = save();
    g_assert_cmpmem(again->data, again->len, bytes->data, bytes->len);
    guest_packed_desc(GUEST_DESC, 3, GUEST_DATA, 8, 11, guest_wrap_flags(false));
    g_assert_cmpuint(guest_serve(guest.vq), ==, 1);
}

static void doorbells_of_the_other_side_are_heard(void)
{
    g_autoptr(GByteArray) bytes = NULL;

    guest_start(64, V1);
    guest_desc(GUEST_DESC, 0, GUEST_DATA, 8, 0, 0);
    guest_offer(0);
    bytes = save();
    virtio_reset(guest.vdev);
    assert_loads(bytes);
    guest.on_handle = guest_serve_all;
    virtio_run_kicks(guest.vdev);
    g_assert_cmpuint(guest_used_idx(), ==, 1);
}

static void requests_in_flight_come_back(void)
{
    g_autoptr(GByteArray) element = NULL;
    g_autoptr(GByteArray) bytes = NULL;
    VirtQueueElement *elem;
    Stream *s = stream_new_memory(NULL, 0);

    guest_start(64, V1);
    guest_desc(GUEST_DESC, 7, GUEST_DATA, 8, VIRTQ_DESC_F_NEXT, 9);
    guest_desc(GUEST_DESC, 9, GUEST_DATA + 0x1000, 0x200, VIRTQ_DESC_F_WRITE, 0);
    guest_offer(7);
    elem = virtqueue_pop(guest.vq);
    iov_discard_front(&elem->out_sg, &elem->out_num, 8); /* what the device does with its lists does not matter */
    virtqueue_element_save(elem, s);
    element = stream_memory_take(s);
    stream_close(s, true, NULL);
    g_assert_cmpuint(element->len, ==, 4 + 49168);
    g_assert_cmpuint(load_le32(element->data + 4), ==, 7);
    g_assert_cmpuint(load_le64(element->data + 4 + 16), ==, GUEST_DATA + 0x1000);
    bytes = save();
    virtqueue_drop(elem);
    virtio_reset(guest.vdev);
    assert_loads(bytes);
    g_assert_cmpuint(virtqueue_in_flight(guest.vq), ==, 1);
    s = stream_new_memory(element->data, element->len);
    elem = virtqueue_element_load(guest.vq, s, NULL);
    stream_close(s, false, NULL);
    g_assert_nonnull(elem);
    g_assert_cmpuint(elem->index, ==, 7);
    g_assert_cmpuint(elem->out_bytes, ==, 8);
    g_assert_cmpuint(elem->in_bytes, ==, 0x200);
    g_assert_true(elem->in_sg[0].iov_base == guest.mem + GUEST_DATA + 0x1000);
    virtqueue_push(elem, 0x200);
    g_assert_cmpuint(guest_used_idx(), ==, 1);
    g_assert_cmpuint(guest_used_id(0), ==, 7);
}

/* ---- Refused ---- */

static GByteArray *running(void)
{
    guest_start(64, V1);
    return save();
}

/* It is in two places while the device offers packed rings. */
static void set_last_avail(GByteArray *bytes, uint16_t idx)
{
    store_be16(bytes->data + AT_LAST_AVAIL, idx);
    store_be16(bytes->data + body_of(bytes, "virtio/packed_virtqueues"), idx);
}

static void queue_sel_out_of_range(void)
{
    g_autoptr(GByteArray) bytes = running();

    store_be16(bytes->data + AT_QUEUE_SEL, 1024);
    assert_refused(bytes, "Failed to load virtio-test:virtio");
}

static void too_many_queues(void)
{
    g_autoptr(GByteArray) bytes = running();

    store_be32(bytes->data + AT_QUEUES, 2000);
    assert_refused(bytes, "Invalid number of virtqueues: 0x7d0");
}

static void index_without_a_ring(void)
{
    g_autoptr(GByteArray) bytes = running();

    store_be64(bytes->data + AT_DESC, 0);
    store_be16(bytes->data + AT_LAST_AVAIL, 5);
    assert_refused(bytes, "VQ 0 address 0x0 inconsistent with Host index 0x5");
}

static void ring_longer_than_any(void)
{
    g_autoptr(GByteArray) bytes = running();

    store_be32(bytes->data + AT_NUM, 1025);
    assert_refused(bytes, "VQ 0 vring.num 1025 exceeds allocated max 1024");
}

static void features_that_are_not_offered(void)
{
    g_autoptr(GByteArray) bytes = running();
    g_autofree char *text = g_strdup_printf("Features 0xffffffffffffffff unsupported. Allowed features: 0x%"
                                            G_GINT64_MODIFIER "x", guest.vdev->host_features);

    store_be64(bytes->data + body_of(bytes, "virtio/64bit_features"), UINT64_MAX);
    assert_refused(bytes, text);
}

static void more_in_flight_than_the_ring_has(void)
{
    g_autoptr(GByteArray) bytes = running();

    set_last_avail(bytes, 65);
    store_le16(guest.mem + GUEST_AVAIL + 2, 65);
    assert_refused(bytes, "VQ 0 size 0x40 < last_avail_idx 0x41 - used_idx 0x0");
}

static void packed_position_outside_the_ring(void)
{
    g_autoptr(GByteArray) bytes = NULL;
    size_t at;

    guest_start(8, V1 | PACKED);
    bytes = save();
    at = body_of(bytes, "virtio/packed_virtqueues");
    store_be16(bytes->data + at, 8);
    assert_refused(bytes, "VQ 0 size 0x8: last_avail_idx 0x8, used_idx 0x0 or 0x0 in use is beyond");
    guest_start(8, V1 | PACKED);
    store_be16(bytes->data + at, 0);
    store_be32(bytes->data + at + 6, 9);
    assert_refused(bytes, "VQ 0 size 0x8: last_avail_idx 0x0, used_idx 0x0 or 0x9 in use is beyond");
}

static void guest_index_out_of_step_breaks_the_device_only(void)
{
    g_autoptr(GByteArray) bytes = running();

    if (g_test_subprocess()) {
        set_last_avail(bytes, 5);
        assert_loads(bytes);
        g_assert_true(guest.vdev->broken);
        g_assert_cmphex(guest.vdev->status & VIRTIO_STATUS_NEEDS_RESET, !=, 0);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("*VQ 0 size 0x40 Guest index 0x0 inconsistent with Host index 0x5: delta 0xfffb\n*");
}

static void queue_that_is_not_here_may_be_unused(void)
{
    static const uint8_t unused[14] = { 0, 0, 0, 64 }, used[14] = { 0, 0, 0, 64, 0, 0, 0, 0, 0, 1 };
    g_autoptr(GByteArray) bytes = running();
    g_autoptr(GByteArray) longer = g_byte_array_new();

    store_be32(bytes->data + AT_QUEUES, 2);
    g_byte_array_append(longer, bytes->data, AT_SUBSECTIONS);
    g_byte_array_append(longer, unused, sizeof(unused));
    g_byte_array_append(longer, bytes->data + AT_SUBSECTIONS, bytes->len - AT_SUBSECTIONS);
    assert_loads(longer);
    memcpy(longer->data + AT_SUBSECTIONS, used, sizeof(used));
    assert_refused(longer, "VQ 1 vring.num 64 exceeds allocated max 0");
}

static void config_of_another_length_is_taken(void)
{
    g_autoptr(GByteArray) bytes = running();
    g_autoptr(GByteArray) longer = g_byte_array_new();

    memcpy(bytes->data + AT_CONFIG, "abcdefgh", 8);
    store_be32(bytes->data + AT_CONFIG_LEN, 12);
    g_byte_array_append(longer, bytes->data, AT_QUEUES);
    g_byte_array_append(longer, (const uint8_t *)"more", 4);
    g_byte_array_append(longer, bytes->data + AT_QUEUES, bytes->len - AT_QUEUES);
    assert_loads(longer);
    g_assert_cmpmem(guest.vdev->config, 8, "abcdefgh", 8);
    store_be32(longer->data + AT_CONFIG_LEN, UINT32_MAX);
    g_assert_false(load(longer, NULL));
    virtio_reset(guest.vdev);
}

static void element_refused(uint32_t index, uint32_t out_num, uint64_t addr, uint64_t len)
{
    g_autofree uint8_t *bytes = g_malloc0(4 + 49168);
    g_autoptr(GError) error = NULL;
    Stream *s;

    guest_start(64, V1);
    store_be32(bytes, 1);
    store_le32(bytes + 4, index);
    store_le32(bytes + 8, out_num);
    store_le64(bytes + 4 + 16 + 8192, addr);
    store_le64(bytes + 4 + 16 + 16384 + 16384 + 8, len);
    s = stream_new_memory(bytes, 4 + 49168);
    g_assert_null(virtqueue_element_load(guest.vq, s, &error));
    g_assert_nonnull(error);
    stream_close(s, false, NULL);
}

static void bad_requests_in_flight(void)
{
    element_refused(0x10000, 1, GUEST_DATA, 8);
    element_refused(0, 1025, GUEST_DATA, 8);
    element_refused(0, 1, GUEST_RAM, 8);
    element_refused(0, 1, GUEST_DATA, 0);
    element_refused(0, 1, GUEST_DATA, 1ull << 32 | 8);
    element_refused(0, 1, UINT64_MAX - 3, 8);
}

static void every_early_end_is_an_error(void)
{
    g_autoptr(GByteArray) bytes = running();

    for (size_t len = 0; len <= bytes->len; len += len < AT_SUBSECTIONS + 60 ? 1 : 997) {
        g_assert_false(load_cut_off(bytes, len));
    }
    virtio_reset(guest.vdev);
}

static void any_changed_byte_does_no_harm(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);

    for (unsigned i = 0; i < (g_test_quick() ? 3000 : 100000); i++) {
        g_autoptr(GByteArray) changed = NULL;
        unsigned at = g_rand_int_range(rand, 0, i % 2 ? AT_SUBSECTIONS : 0x200);

        guest_start(64, V1);
        changed = save();
        changed->data[at] = g_rand_int(rand);
        if (load(changed, NULL)) {
            guest.on_handle = guest_serve_all;
            virtio_run_kicks(guest.vdev);
        }
        virtio_reset(guest.vdev);
    }
}

#define ADD(fn) g_test_add_func("/virtio-vmstate/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    guest_make();
    ADD(reset_device_has_these_bytes);
    ADD(running_device_has_its_subsections);
    ADD(state_comes_back);
    ADD(packed_state_comes_back);
    ADD(doorbells_of_the_other_side_are_heard);
    ADD(requests_in_flight_come_back);
    ADD(queue_sel_out_of_range);
    ADD(too_many_queues);
    ADD(index_without_a_ring);
    ADD(ring_longer_than_any);
    ADD(features_that_are_not_offered);
    ADD(more_in_flight_than_the_ring_has);
    ADD(packed_position_outside_the_ring);
    ADD(guest_index_out_of_step_breaks_the_device_only);
    ADD(queue_that_is_not_here_may_be_unused);
    ADD(config_of_another_length_is_taken);
    ADD(bad_requests_in_flight);
    ADD(every_early_end_is_an_error);
    ADD(any_changed_byte_does_no_harm);
    return g_test_run();
}
