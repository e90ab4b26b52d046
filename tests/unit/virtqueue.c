/* Virtqueues: both ring formats, the chain iterator, notifications, and guests that break every rule. */
#include "tests/lib/virtqueue-guest.h"

#include <unistd.h>

#include "system/main-loop.h"
#include "system/ramblock.h"
#include "system/runstate.h"
#include "util/log.h"

/* ---- Helpers ---- */

static void assert_element(const VirtQueueElement *elem, unsigned out_num, unsigned in_num)
{
    g_assert_nonnull(elem);
    g_assert_cmpuint(elem->out_num, ==, out_num);
    g_assert_cmpuint(elem->in_num, ==, in_num);
}

static void assert_segment(const struct iovec *sg, hwaddr addr, size_t len)
{
    g_assert_true(sg->iov_base == guest.mem + addr);
    g_assert_cmpuint(sg->iov_len, ==, len);
}

static char *log_path;

/* The next pop breaks the device for the reason that the log gives, as the guest sees. */
static void assert_breaks(const char *reason)
{
    g_autofree char *text = NULL;

    g_assert_true(log_set_file(log_path, NULL)); /* from its beginning */
    log_mask |= LOG_GUEST_ERROR;
    g_assert_null(virtqueue_pop(guest.vq));
    log_mask &= ~LOG_GUEST_ERROR;
    g_assert_true(g_file_get_contents(log_path, &text, NULL, NULL));
    g_assert_cmpstr(g_strchomp(text), ==, reason);
    g_assert_true(guest.vdev->broken);
    g_assert_cmphex(guest.vdev->status & VIRTIO_STATUS_NEEDS_RESET, ==, VIRTIO_STATUS_NEEDS_RESET);
    g_assert_cmpuint(guest.config_interrupts, ==, 1);
    g_assert_cmpuint(virtqueue_in_flight(guest.vq), ==, 0);
}

static void one_out(unsigned i)
{
    guest_desc(GUEST_DESC, i, GUEST_DATA + 0x1000 * i, 0x10, 0, 0);
}

/* ---- Split: what a good guest does ---- */

static void split_empty_ring_pops_nothing(void)
{
    guest_start(16, V1);
    g_assert_true(virtqueue_empty(guest.vq));
    g_assert_null(virtqueue_pop(guest.vq));
    g_assert_false(guest.vdev->broken);
}

static void split_chain_becomes_segments_in_order(void)
{
    VirtQueueElement *elem;

    guest_start(16, V1);
    guest_desc(GUEST_DESC, 5, GUEST_DATA, 0x10, VIRTQ_DESC_F_NEXT, 2);
    guest_desc(GUEST_DESC, 2, GUEST_DATA + 0x2000, 0x200, VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE, 9);
    guest_desc(GUEST_DESC, 9, GUEST_DATA + 0x1000, 1, VIRTQ_DESC_F_WRITE, 0);
    guest_offer(5);
    elem = virtqueue_pop(guest.vq);
    assert_element(elem, 1, 2);
    assert_segment(&elem->out_sg[0], GUEST_DATA, 0x10);
    assert_segment(&elem->in_sg[0], GUEST_DATA + 0x2000, 0x200);
    assert_segment(&elem->in_sg[1], GUEST_DATA + 0x1000, 1);
    g_assert_cmpuint(elem->index, ==, 5);
    g_assert_cmpuint(elem->out_bytes, ==, 0x10);
    g_assert_cmpuint(elem->in_bytes, ==, 0x201);
    g_assert_cmpuint(virtqueue_in_flight(guest.vq), ==, 1);
    virtqueue_push(elem, 0x201);
    g_assert_cmpuint(virtqueue_in_flight(guest.vq), ==, 0);
    g_assert_cmpuint(guest_used_idx(), ==, 1);
    g_assert_cmpuint(guest_used_id(0), ==, 5);
    g_assert_cmpuint(guest_used_len(0), ==, 0x201);
}

static void split_completes_out_of_order(void)
{
    VirtQueueElement *elem[3];

    guest_start(4, V1);
    for (unsigned i = 0; i < 3; i++) {
        one_out(i);
        guest_offer(i);
    }
    for (unsigned i = 0; i < 3; i++) {
        elem[i] = virtqueue_pop(guest.vq);
    }
    virtqueue_push(elem[1], 0);
    virtqueue_push(elem[2], 0);
    virtqueue_push(elem[0], 0);
    g_assert_cmpuint(guest_used_idx(), ==, 3);
    g_assert_cmpuint(guest_used_id(0), ==, 1);
    g_assert_cmpuint(guest_used_id(1), ==, 2);
    g_assert_cmpuint(guest_used_id(2), ==, 0);
}

static void split_indices_wrap_at_65536(void)
{
    guest_start(2, V1);
    one_out(0);
    for (unsigned i = 0; i < 70000; i++) {
        guest_offer(0);
        g_assert_cmpuint(guest_serve(guest.vq), ==, 1);
    }
    g_assert_false(guest.vdev->broken);
    g_assert_cmpuint(guest_used_idx(), ==, 70000 % 65536);
}

static void split_indirect_table_is_followed(void)
{
    VirtQueueElement *elem;

    guest_start(2, V1);
    guest_desc(GUEST_DESC, 1, GUEST_TABLE, 3 * 16, VIRTQ_DESC_F_INDIRECT, 0);
    guest_desc(GUEST_TABLE, 0, GUEST_DATA, 8, VIRTQ_DESC_F_NEXT, 2);
    guest_desc(GUEST_TABLE, 2, GUEST_DATA + 0x100, 8, VIRTQ_DESC_F_NEXT, 1);
    guest_desc(GUEST_TABLE, 1, GUEST_DATA + 0x200, 8, VIRTQ_DESC_F_WRITE, 0);
    guest_offer(1);
    elem = virtqueue_pop(guest.vq);
    assert_element(elem, 2, 1);
    assert_segment(&elem->out_sg[1], GUEST_DATA + 0x100, 8);
    virtqueue_push(elem, 8);
    g_assert_cmpuint(guest_used_id(0), ==, 1);
}

static void split_indirect_after_direct_descriptors(void)
{
    VirtQueueElement *elem;

    guest_start(4, V1);
    guest_desc(GUEST_DESC, 0, GUEST_DATA, 8, VIRTQ_DESC_F_NEXT, 3);
    guest_desc(GUEST_DESC, 3, GUEST_TABLE, 16, VIRTQ_DESC_F_INDIRECT, 0);
    guest_desc(GUEST_TABLE, 0, GUEST_DATA + 0x100, 8, VIRTQ_DESC_F_WRITE, 0);
    guest_offer(0);
    elem = virtqueue_pop(guest.vq);
    assert_element(elem, 1, 1);
    virtqueue_push(elem, 0);
}

static void chain_of_1024_segments_is_taken(void)
{
    VirtQueueElement *elem;

    guest_start(GUEST_QUEUE_MAX, V1);
    for (unsigned i = 0; i < GUEST_QUEUE_MAX; i++) {
        guest_desc(GUEST_DESC, i, GUEST_DATA + 64 * i, 64, i < GUEST_QUEUE_MAX - 1 ? VIRTQ_DESC_F_NEXT : 0, i + 1);
    }
    guest_offer(0);
    elem = virtqueue_pop(guest.vq);
    assert_element(elem, GUEST_QUEUE_MAX, 0);
    assert_segment(&elem->out_sg[1023], GUEST_DATA + 64 * 1023, 64);
    virtqueue_push(elem, 0);
}

static void unpop_gives_the_same_again(void)
{
    VirtQueueElement *elem;

    guest_start(4, V1);
    one_out(2);
    guest_offer(2);
    elem = virtqueue_pop(guest.vq);
    virtqueue_unpop(elem);
    g_assert_cmpuint(virtqueue_in_flight(guest.vq), ==, 0);
    elem = virtqueue_pop(guest.vq);
    assert_element(elem, 1, 0);
    g_assert_cmpuint(elem->index, ==, 2);
    virtqueue_push(elem, 0);
    g_assert_cmpuint(guest_used_idx(), ==, 1);
}

static void drop_tells_the_guest_nothing(void)
{
    guest_start(4, V1);
    one_out(0);
    guest_offer(0);
    virtqueue_drop(virtqueue_pop(guest.vq));
    g_assert_cmpuint(virtqueue_in_flight(guest.vq), ==, 0);
    g_assert_cmpuint(guest_used_idx(), ==, 0);
}

static void elements_are_reused(void)
{
    VirtQueueElement *elem;

    guest_start(4, V1);
    one_out(0);
    guest_offer(0);
    elem = virtqueue_pop(guest.vq);
    virtqueue_push(elem, 0);
    guest_offer(0);
    g_assert_true(virtqueue_pop(guest.vq) == elem);
    virtqueue_push(elem, 0);
}

static void queue_moves_with_its_memory(void)
{
    guest_start(4, V1);
    one_out(0);
    guest_offer(0);
    g_assert_cmpuint(guest_serve(guest.vq), ==, 1);
    memory_region_del(memory_system(), &guest.ram);
    guest_offer(0);
    g_assert_null(virtqueue_pop(guest.vq));
    g_assert_true(guest.vdev->broken); /* nothing is there any more */
    memory_region_add(memory_system(), 0, &guest.ram);
    guest_start(4, V1);
    one_out(0);
    guest_offer(0);
    g_assert_cmpuint(guest_serve(guest.vq), ==, 1);
}

static bool page_is_dirty(hwaddr addr)
{
    unsigned long bits[GUEST_RAM / 4096 / 64] = { 0 };

    ramblock_sync_dirty(guest.ram.ram, DIRTY_MIGRATION, bits);
    return bits[addr / 4096 / 64] >> (addr / 4096 % 64) & 1;
}

static void written_pages_are_dirty(void)
{
    VirtQueueElement *elem;

    guest_start(4, V1);
    guest_desc(GUEST_DESC, 0, GUEST_DATA, 0x1000, VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE, 1);
    guest_desc(GUEST_DESC, 1, GUEST_DATA + 0x5000, 1, VIRTQ_DESC_F_WRITE, 0);
    guest_offer(0);
    ramblock_dirty_log(guest.ram.ram, DIRTY_MIGRATION, true);
    g_assert_false(page_is_dirty(GUEST_DATA));
    elem = virtqueue_pop(guest.vq);
    virtqueue_push(elem, 0x1001);
    g_assert_true(page_is_dirty(GUEST_DATA + 0x5000));
    ramblock_set_dirty(guest.ram.ram, 0, 0);
    guest_offer(0);
    virtqueue_push(virtqueue_pop(guest.vq), 0x1000);
    g_assert_false(page_is_dirty(GUEST_DATA + 0x5000));
    guest_offer(0);
    virtqueue_push(virtqueue_pop(guest.vq), 0);
    g_assert_true(page_is_dirty(GUEST_USED));
    ramblock_dirty_log(guest.ram.ram, DIRTY_MIGRATION, false);
}

/* ---- Split: notifications ---- */

static void interrupt_unless_the_guest_wants_none(void)
{
    guest_start(4, V1);
    one_out(0);
    guest_offer(0);
    guest_serve(guest.vq);
    g_assert_cmpuint(guest.queue_interrupts, ==, 1);
    g_assert_cmphex(guest.vdev->isr, ==, 1);
    guest.mem[GUEST_AVAIL] = 1;
    guest_offer(0);
    guest_serve(guest.vq);
    g_assert_cmpuint(guest.queue_interrupts, ==, 1);
}

static void set_used_event(uint16_t event)
{
    store_le16(guest.mem + GUEST_AVAIL + 4 + 2 * guest.vq->num, event);
}

static void used_event_holds_interrupts_back(void)
{
    guest_start(8, V1 | EVENT_IDX);
    one_out(0);
    guest_offer(0);
    guest_serve(guest.vq); /* the first is always told: nobody knows what the guest saw */
    g_assert_cmpuint(guest.queue_interrupts, ==, 1);
    set_used_event(3);
    for (unsigned i = 0; i < 2; i++) {
        guest_offer(0);
        guest_serve(guest.vq);
    }
    g_assert_cmpuint(guest.queue_interrupts, ==, 1);
    guest_offer(0);
    guest_serve(guest.vq);
    g_assert_cmpuint(guest.queue_interrupts, ==, 2);
}

static void used_event_counts_from_the_last_interrupt(void)
{
    guest_start(8, V1 | EVENT_IDX);
    one_out(0);
    for (unsigned i = 0; i < 40; i++) {
        set_used_event(i / 20 * 20 + 9); /* at the tenth and the thirtieth: passed once, it does not count again */
        guest_offer(0);
        guest_serve(guest.vq);
    }
    g_assert_cmpuint(guest.queue_interrupts, ==, 1 + 2);
}

static void notify_on_empty_overrules(void)
{
    guest_start(4, 1u << VIRTIO_F_NOTIFY_ON_EMPTY);
    one_out(0);
    guest.mem[GUEST_AVAIL] = 1;
    guest_offer(0);
    guest_serve(guest.vq);
    g_assert_cmpuint(guest.queue_interrupts, ==, 1);
}

static uint16_t avail_event(void)
{
    return load_le16(guest.mem + GUEST_USED + 4 + 8 * guest.vq->num);
}

static void doorbells_are_off_during_a_run(void)
{
    guest_start(4, V1);
    virtqueue_set_notification(guest.vq, false);
    g_assert_cmphex(guest.mem[GUEST_USED], ==, 1);
    virtqueue_set_notification(guest.vq, true);
    g_assert_cmphex(guest.mem[GUEST_USED], ==, 0);
}

static void avail_event_follows_what_was_taken(void)
{
    guest_start(8, V1 | EVENT_IDX);
    one_out(0);
    guest_offer(0);
    guest_offer(0);
    guest.on_handle = guest_serve_all;
    virtio_queue_notify(guest.vdev, 0);
    virtio_run_kicks(guest.vdev);
    g_assert_cmpuint(avail_event(), ==, 2);
}

/* ---- Doorbells and the handler's runs ---- */

static void doorbell_runs_the_handler_once(void)
{
    guest_start(4, V1);
    guest.on_handle = guest_serve_all;
    virtio_queue_notify(guest.vdev, 0);
    virtio_queue_notify(guest.vdev, 0);
    g_assert_cmpuint(guest.handled, ==, 0); /* not from within the doorbell */
    virtio_run_kicks(guest.vdev);
    g_assert_cmpuint(guest.handled, ==, 1);
    virtio_run_kicks(guest.vdev);
    g_assert_cmpuint(guest.handled, ==, 1);
}

static void *ring_as_cpu(void *opaque)
{
    big_lock();
    virtio_queue_notify(guest.vdev, 0);
    *(unsigned *)opaque = guest.handled;
    big_unlock();
    return NULL;
}

/* How often the handler ran before the doorbell of a CPU's thread was over. */
static unsigned handled_in_cpu(void)
{
    unsigned handled = 0;
    pthread_t cpu;

    big_unlock();
    g_assert_cmpint(pthread_create(&cpu, NULL, ring_as_cpu, &handled), ==, 0);
    pthread_join(cpu, NULL);
    big_lock();
    return handled;
}

static void prompt_queue_is_served_by_the_cpu_that_rings(void)
{
    main_loop_init();
    guest_start(4, V1 | EVENT_IDX);
    guest.on_handle = guest_serve_all;
    one_out(0);
    runstate_set(RUN_STATE_RUNNING);
    guest_offer(0);
    g_assert_cmpuint(handled_in_cpu(), ==, 0); /* not every device's handler may run there */
    virtio_run_kicks(guest.vdev);
    g_assert_cmpuint(guest_used_idx(), ==, 1);
    virtqueue_set_prompt(guest.vq);
    guest.handled = 0;
    guest_offer(0);
    g_assert_cmpuint(handled_in_cpu(), ==, 1);
    g_assert_cmpuint(guest_used_idx(), ==, 2);
    g_assert_cmpuint(avail_event(), ==, 2);
    virtio_run_kicks(guest.vdev);
    g_assert_cmpuint(guest.handled, ==, 1); /* nothing was left to the main loop */
    virtio_queue_notify(guest.vdev, 0);
    g_assert_cmpuint(guest.handled, ==, 1); /* its own doorbells wait as ever */
    virtio_run_kicks(guest.vdev);
    guest_offer(0);
    VirtQueueElement *elem = virtqueue_pop(guest.vq);
    guest.handled = 0;
    guest_offer(0);
    g_assert_cmpuint(handled_in_cpu(), ==, 0); /* the main loop waits for the one in flight anyway */
    virtio_run_kicks(guest.vdev);
    g_assert_cmpuint(guest_used_idx(), ==, 3);
    virtqueue_push(elem, 0);
    guest_offer(0);
    guest.handled = 0;
    g_assert_cmpuint(handled_in_cpu(), ==, 1);
    g_assert_cmpuint(guest_used_idx(), ==, 5);
    runstate_set(RUN_STATE_PAUSED);
    guest.handled = 0;
    guest_offer(0);
    g_assert_cmpuint(handled_in_cpu(), ==, 0); /* a machine that stopped leaves its memory alone */
    guest.vq->prompt = false;
}

static void doorbell_of_no_queue_is_dropped(void)
{
    guest_start(4, V1);
    virtio_queue_notify(guest.vdev, 1);
    virtio_queue_notify(guest.vdev, 0xffff);
    virtio_run_kicks(guest.vdev);
    g_assert_cmpuint(guest.handled, ==, 0);
}

static unsigned endless_served;

/* Another vCPU that offers the request again as soon as it is done. */
static void serve_endless(VirtQueue *vq)
{
    VirtQueueElement *elem;

    while ((elem = virtqueue_pop(vq))) {
        virtqueue_push(elem, 0);
        guest_offer(0);
        endless_served++;
    }
}

static void work_of_one_run_is_bounded(void)
{
    guest_start(4, V1);
    one_out(0);
    guest_offer(0);
    endless_served = 0;
    guest.on_handle = serve_endless;
    virtio_queue_notify(guest.vdev, 0);
    virtio_run_kicks(guest.vdev);
    g_assert_cmpuint(endless_served, ==, VIRTQUEUE_BUDGET);
    virtio_run_kicks(guest.vdev); /* the rest has not been forgotten */
    g_assert_cmpuint(endless_served, ==, 2 * VIRTQUEUE_BUDGET);
}

static void handler_that_takes_nothing_is_not_called_again(void)
{
    guest_start(4, V1);
    one_out(0);
    guest_offer(0);
    virtio_queue_notify(guest.vdev, 0);
    virtio_run_kicks(guest.vdev);
    g_assert_cmpuint(guest.handled, ==, 1);
}

/* ---- Split: hostile guests ---- */

static void head_out_of_range_breaks(void)
{
    guest_start(16, V1);
    guest_offer(16);
    assert_breaks("test: Guest says index 16 is available");
}

static void next_out_of_range_breaks(void)
{
    guest_start(16, V1);
    guest_desc(GUEST_DESC, 0, GUEST_DATA, 8, VIRTQ_DESC_F_NEXT, 16);
    guest_offer(0);
    assert_breaks("test: Desc next is 16");
}

static void loop_breaks(void)
{
    guest_start(16, V1);
    guest_desc(GUEST_DESC, 0, GUEST_DATA, 8, VIRTQ_DESC_F_NEXT, 1);
    guest_desc(GUEST_DESC, 1, GUEST_DATA, 8, VIRTQ_DESC_F_NEXT, 0);
    guest_offer(0);
    assert_breaks("test: Looped descriptor");
}

static void avail_index_too_far_ahead_breaks(void)
{
    guest_start(16, V1);
    store_le16(guest.mem + GUEST_AVAIL + 2, 17);
    assert_breaks("test: Guest moved used index from 0 to 17");
}

static void zero_length_breaks(void)
{
    guest_start(16, V1);
    guest_desc(GUEST_DESC, 0, GUEST_DATA, 0, 0, 0);
    guest_offer(0);
    assert_breaks("test: virtio: zero sized buffers are not allowed");
}

static void readable_after_writable_breaks(void)
{
    guest_start(16, V1);
    guest_desc(GUEST_DESC, 0, GUEST_DATA, 8, VIRTQ_DESC_F_WRITE | VIRTQ_DESC_F_NEXT, 1);
    guest_desc(GUEST_DESC, 1, GUEST_DATA + 8, 8, 0, 0);
    guest_offer(0);
    assert_breaks("test: Incorrect order for descriptors");
}

static void buffer_outside_ram_breaks(void)
{
    guest_start(16, V1);
    guest_desc(GUEST_DESC, 0, GUEST_RAM, 8, 0, 0);
    guest_offer(0);
    assert_breaks("test: virtio: bogus descriptor or out of resources");
}

static void buffer_that_ends_outside_ram_breaks(void)
{
    guest_start(16, V1);
    guest_desc(GUEST_DESC, 0, GUEST_RAM - 8, 16, VIRTQ_DESC_F_WRITE, 0);
    guest_offer(0);
    assert_breaks("test: virtio: bogus descriptor or out of resources");
}

static void buffer_that_wraps_around_breaks(void)
{
    guest_start(16, V1);
    guest_desc(GUEST_DESC, 0, UINT64_MAX - 7, 0x100, 0, 0);
    guest_offer(0);
    assert_breaks("test: virtio: bogus descriptor or out of resources");
}

static void writable_over_readable_breaks(void)
{
    guest_start(16, V1);
    guest_desc(GUEST_DESC, 0, GUEST_DATA, 16, VIRTQ_DESC_F_NEXT, 1);
    guest_desc(GUEST_DESC, 1, GUEST_DATA + 15, 16, VIRTQ_DESC_F_WRITE, 0);
    guest_offer(0);
    assert_breaks("test: Overlapping buffers");
}

static void many_overlapping_segments_break(void)
{
    guest_start(GUEST_QUEUE_MAX, V1);
    for (unsigned i = 0; i < 512; i++) {
        guest_desc(GUEST_DESC, i, GUEST_DATA + 32 * i, 16, VIRTQ_DESC_F_NEXT, i + 1);
        guest_desc(GUEST_DESC, 512 + i, GUEST_DATA + 32 * i + 16, i == 300 ? 17 : 16,
                   VIRTQ_DESC_F_WRITE | (i < 511 ? VIRTQ_DESC_F_NEXT : 0), 512 + i + 1);
    }
    guest_offer(0);
    assert_breaks("test: Overlapping buffers");
}

static void many_segments_side_by_side_are_fine(void)
{
    guest_start(GUEST_QUEUE_MAX, V1);
    for (unsigned i = 0; i < 512; i++) {
        guest_desc(GUEST_DESC, i, GUEST_DATA + 32 * i, 16, VIRTQ_DESC_F_NEXT, i + 1);
        guest_desc(GUEST_DESC, 512 + i, GUEST_DATA + 32 * i + 16, 16,
                   VIRTQ_DESC_F_WRITE | (i < 511 ? VIRTQ_DESC_F_NEXT : 0), 512 + i + 1);
    }
    guest_offer(0);
    g_assert_cmpuint(guest_serve(guest.vq), ==, 1);
}

static void same_page_twice_in_one_direction_is_fine(void)
{
    guest_start(16, V1);
    guest_desc(GUEST_DESC, 0, GUEST_DATA, 0x1000, VIRTQ_DESC_F_NEXT, 1);
    guest_desc(GUEST_DESC, 1, GUEST_DATA, 0x1000, 0, 0);
    guest_desc(GUEST_DESC, 2, GUEST_DATA, 0x1000, VIRTQ_DESC_F_WRITE | VIRTQ_DESC_F_NEXT, 3);
    guest_desc(GUEST_DESC, 3, GUEST_DATA, 0x1000, VIRTQ_DESC_F_WRITE, 0);
    guest_offer(0);
    guest_offer(2);
    g_assert_cmpuint(guest_serve(guest.vq), ==, 2);
}

static void buffer_over_the_ring_breaks(void)
{
    const hwaddr parts[] = { GUEST_DESC + 16, GUEST_AVAIL, GUEST_USED + 8 };

    for (unsigned i = 0; i < G_N_ELEMENTS(parts); i++) {
        guest_start(16, V1);
        guest_desc(GUEST_DESC, 0, parts[i], 8, VIRTQ_DESC_F_WRITE, 0);
        guest_offer(0);
        assert_breaks("test: Buffer overlaps the queue");
    }
}

static void indirect_table_of_bad_length_breaks(void)
{
    const uint32_t lengths[] = { 0, 8, 17 };

    for (unsigned i = 0; i < G_N_ELEMENTS(lengths); i++) {
        guest_start(16, V1);
        guest_desc(GUEST_DESC, 0, GUEST_TABLE, lengths[i], VIRTQ_DESC_F_INDIRECT, 0);
        guest_offer(0);
        assert_breaks("test: Invalid size for indirect buffer table");
    }
}

static void indirect_table_outside_ram_breaks(void)
{
    const hwaddr addrs[] = { GUEST_RAM, GUEST_RAM - 16, UINT64_MAX - 15 };

    for (unsigned i = 0; i < G_N_ELEMENTS(addrs); i++) {
        guest_start(16, V1);
        guest_desc(GUEST_DESC, 0, addrs[i], 32, VIRTQ_DESC_F_INDIRECT, 0);
        guest_offer(0);
        assert_breaks("test: Cannot map indirect buffer");
    }
}

static void nested_indirect_table_breaks(void)
{
    guest_start(16, V1);
    guest_desc(GUEST_DESC, 0, GUEST_TABLE, 16, VIRTQ_DESC_F_INDIRECT, 0);
    guest_desc(GUEST_TABLE, 0, GUEST_TABLE, 16, VIRTQ_DESC_F_INDIRECT, 0);
    guest_offer(0);
    assert_breaks("test: Indirect descriptor in an indirect table");
}

static void indirect_with_next_breaks(void)
{
    guest_start(16, V1);
    one_out(1);
    guest_desc(GUEST_DESC, 0, GUEST_TABLE, 16, VIRTQ_DESC_F_INDIRECT | VIRTQ_DESC_F_NEXT, 1);
    guest_desc(GUEST_TABLE, 0, GUEST_DATA, 8, 0, 0);
    guest_offer(0);
    assert_breaks("test: Indirect descriptor with a next one");
}

static void loop_in_indirect_table_breaks(void)
{
    guest_start(16, V1);
    guest_desc(GUEST_DESC, 0, GUEST_TABLE, 32, VIRTQ_DESC_F_INDIRECT, 0);
    guest_desc(GUEST_TABLE, 0, GUEST_DATA, 8, VIRTQ_DESC_F_NEXT, 1);
    guest_desc(GUEST_TABLE, 1, GUEST_DATA, 8, VIRTQ_DESC_F_NEXT, 0);
    guest_offer(0);
    assert_breaks("test: Looped descriptor");
}

static void too_many_segments_break(void)
{
    const unsigned n = VIRTQUEUE_MAX_SIZE + 1;

    for (int write = 0; write < 2; write++) {
        guest_start(16, V1);
        guest_desc(GUEST_DESC, 0, GUEST_TABLE, n * 16, VIRTQ_DESC_F_INDIRECT, 0);
        for (unsigned i = 0; i < n; i++) {
            guest_desc(GUEST_TABLE, i, GUEST_DATA, 8,
                       (i < n - 1 ? VIRTQ_DESC_F_NEXT : 0) | (write ? VIRTQ_DESC_F_WRITE : 0), i + 1);
        }
        guest_offer(0);
        assert_breaks(write ? "test: virtio: too many write descriptors in indirect table"
                            : "test: virtio: too many read descriptors in indirect table");
    }
}

static void same_head_offered_beyond_the_size_breaks(void)
{
    VirtQueueElement *elem[2];

    guest_start(2, V1);
    one_out(0);
    guest_offer(0);
    guest_offer(0);
    elem[0] = virtqueue_pop(guest.vq);
    elem[1] = virtqueue_pop(guest.vq);
    guest_offer(0);
    g_assert_null(virtqueue_pop(guest.vq));
    g_assert_true(guest.vdev->broken);
    virtqueue_push(elem[0], 0);
    virtqueue_push(elem[1], 0);
    g_assert_cmpuint(guest_used_idx(), ==, 0); /* a broken device writes no ring */
}

static void broken_device_works_after_reset(void)
{
    guest_start(16, V1);
    guest_offer(99);
    assert_breaks("test: Guest says index 99 is available");
    one_out(0);
    guest_offer(0);
    g_assert_null(virtqueue_pop(guest.vq));
    guest_start(16, V1);
    one_out(0);
    guest_offer(0);
    g_assert_cmpuint(guest_serve(guest.vq), ==, 1);
}

static void legacy_driver_sees_no_needs_reset(void)
{
    guest_start(16, 0);
    guest_offer(99);
    g_assert_null(virtqueue_pop(guest.vq));
    g_assert_true(guest.vdev->broken);
    g_assert_cmphex(guest.vdev->status & VIRTIO_STATUS_NEEDS_RESET, ==, 0);
    g_assert_cmpuint(guest.config_interrupts, ==, 0);
}

static void rings_that_can_not_be_break(void)
{
    const hwaddr places[][3] = {
        { GUEST_RAM, GUEST_AVAIL, GUEST_USED }, { GUEST_DESC, GUEST_RAM - 4, GUEST_USED },
        { GUEST_DESC, GUEST_AVAIL, GUEST_RAM - 16 }, { GUEST_DESC + 8, GUEST_AVAIL, GUEST_USED },
        { GUEST_DESC, GUEST_AVAIL + 1, GUEST_USED }, { GUEST_DESC, GUEST_AVAIL, GUEST_USED + 2 },
        { UINT64_MAX - 15, GUEST_AVAIL, GUEST_USED }, { GUEST_DESC, UINT64_MAX - 1, GUEST_USED },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
        guest_start(16, V1);
        virtio_queue_reset(guest.vdev, 0);
        g_assert_false(virtio_queue_set_rings(guest.vdev, 0, places[i][0], places[i][1], places[i][2]));
        g_assert_true(guest.vdev->broken);
    }
}

static void bad_sizes_are_refused(void)
{
    const uint16_t bad[] = { 0, 3, 1025, 2048, 0xffff };

    guest_start(16, V1);
    virtio_queue_reset(guest.vdev, 0);
    g_assert_cmpuint(virtio_queue_num(guest.vdev, 0), ==, GUEST_QUEUE_MAX);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        virtio_queue_set_num(guest.vdev, 0, bad[i]);
        g_assert_cmpuint(virtio_queue_num(guest.vdev, 0), ==, GUEST_QUEUE_MAX);
    }
    virtio_queue_set_num(guest.vdev, 0, 512);
    g_assert_cmpuint(virtio_queue_num(guest.vdev, 0), ==, 512);
}

/* ---- Packed ---- */

static const uint16_t now = VIRTQ_DESC_F_AVAIL; /* available in the first round */

static void packed_flags_are(unsigned i, uint16_t flags)
{
    g_assert_cmphex(load_le16(guest.mem + GUEST_DESC + 16 * i + 14), ==, flags);
}

static void packed_empty_ring_pops_nothing(void)
{
    guest_start(16, V1 | PACKED);
    g_assert_true(virtqueue_empty(guest.vq));
    g_assert_null(virtqueue_pop(guest.vq));
    g_assert_false(guest.vdev->broken);
}

static void packed_chain_becomes_segments(void)
{
    VirtQueueElement *elem;

    guest_start(8, V1 | PACKED);
    guest_packed_desc(GUEST_DESC, 0, GUEST_DATA, 0x10, 0, now | VIRTQ_DESC_F_NEXT);
    guest_packed_desc(GUEST_DESC, 1, GUEST_DATA + 0x1000, 0x20, 77, now | VIRTQ_DESC_F_WRITE);
    elem = virtqueue_pop(guest.vq);
    assert_element(elem, 1, 1);
    g_assert_cmpuint(elem->index, ==, 77);
    g_assert_cmpuint(elem->ndescs, ==, 2);
    g_assert_cmpuint(virtqueue_in_flight(guest.vq), ==, 2);
    virtqueue_push(elem, 0x20);
    g_assert_cmpuint(load_le16(guest.mem + GUEST_DESC + 12), ==, 77);
    g_assert_cmpuint(load_le32(guest.mem + GUEST_DESC + 8), ==, 0x20);
    packed_flags_are(0, VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED | VIRTQ_DESC_F_WRITE);
    packed_flags_are(1, now | VIRTQ_DESC_F_WRITE); /* only the first is written */
    g_assert_true(virtqueue_empty(guest.vq));
}

static void packed_wraps_with_its_counter(void)
{
    bool wrap = true;
    unsigned at = 0;

    guest_start(5, V1 | PACKED); /* no power of 2 is needed */
    for (unsigned i = 0; i < 1000; i++) {
        unsigned n = 1 + i % 3, first = at;
        bool round = wrap;

        for (unsigned j = 0; j < n; j++) {
            guest_packed_desc(GUEST_DESC, at, GUEST_DATA + 64 * j, 64, i,
                              guest_wrap_flags(wrap) | (j < n - 1 ? VIRTQ_DESC_F_NEXT : 0));
            if (++at == 5) {
                at = 0;
                wrap = !wrap;
            }
        }
        g_assert_cmpuint(guest_serve(guest.vq), ==, 1);
        packed_flags_are(first, round ? VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED : 0);
        g_assert_cmpuint(load_le16(guest.mem + GUEST_DESC + 16 * first + 12), ==, i);
    }
    g_assert_false(guest.vdev->broken);
}

static void packed_completes_out_of_order(void)
{
    VirtQueueElement *a, *b;

    guest_start(8, V1 | PACKED);
    guest_packed_desc(GUEST_DESC, 0, GUEST_DATA, 8, 0, now | VIRTQ_DESC_F_NEXT);
    guest_packed_desc(GUEST_DESC, 1, GUEST_DATA, 8, 1, now);
    guest_packed_desc(GUEST_DESC, 2, GUEST_DATA, 8, 2, now);
    a = virtqueue_pop(guest.vq);
    b = virtqueue_pop(guest.vq);
    virtqueue_push(b, 0);
    virtqueue_push(a, 0);
    /* at the first place: the one that ended first */
    g_assert_cmpuint(load_le16(guest.mem + GUEST_DESC + 12), ==, 2);
    g_assert_cmpuint(load_le16(guest.mem + GUEST_DESC + 16 + 12), ==, 1);
    packed_flags_are(1, VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED);
}

static void packed_indirect_table_is_read_to_its_end(void)
{
    VirtQueueElement *elem;

    guest_start(8, V1 | PACKED);
    guest_packed_desc(GUEST_DESC, 0, GUEST_TABLE, 3 * 16, 4, now | VIRTQ_DESC_F_INDIRECT);
    guest_packed_desc(GUEST_TABLE, 0, GUEST_DATA, 8, 9, 0);
    guest_packed_desc(GUEST_TABLE, 1, GUEST_DATA + 8, 8, 9, 0);
    guest_packed_desc(GUEST_TABLE, 2, GUEST_DATA + 16, 8, 9, VIRTQ_DESC_F_WRITE);
    elem = virtqueue_pop(guest.vq);
    assert_element(elem, 2, 1);
    g_assert_cmpuint(elem->index, ==, 4);
    g_assert_cmpuint(elem->ndescs, ==, 1);
    virtqueue_push(elem, 8);
}

static void packed_unpop_gives_the_same_again(void)
{
    VirtQueueElement *elem;

    guest_start(4, V1 | PACKED);
    for (unsigned i = 0; i < 3; i++) {
        guest_packed_desc(GUEST_DESC, i, GUEST_DATA, 8, i, now);
        g_assert_cmpuint(guest_serve(guest.vq), ==, 1);
    }
    guest_packed_desc(GUEST_DESC, 3, GUEST_DATA, 8, 3, now | VIRTQ_DESC_F_NEXT);
    guest_packed_desc(GUEST_DESC, 0, GUEST_DATA, 8, 4, VIRTQ_DESC_F_USED);
    for (unsigned i = 0; i < 3; i++) { /* over the end of the ring and back */
        elem = virtqueue_pop(guest.vq);
        assert_element(elem, 2, 0);
        g_assert_cmpuint(elem->index, ==, 4);
        virtqueue_unpop(elem);
    }
    g_assert_cmpuint(guest_serve(guest.vq), ==, 1);
}

static void packed_chain_longer_than_the_ring_breaks(void)
{
    guest_start(4, V1 | PACKED);
    for (unsigned i = 0; i < 4; i++) {
        guest_packed_desc(GUEST_DESC, i, GUEST_DATA, 8, i, now | VIRTQ_DESC_F_NEXT);
    }
    assert_breaks("test: Looped descriptor");
}

static void packed_chain_into_what_is_in_flight_breaks(void)
{
    VirtQueueElement *elem;

    guest_start(4, V1 | PACKED);
    guest_packed_desc(GUEST_DESC, 0, GUEST_DATA, 8, 0, now | VIRTQ_DESC_F_NEXT);
    guest_packed_desc(GUEST_DESC, 1, GUEST_DATA, 8, 0, now);
    elem = virtqueue_pop(guest.vq);
    g_assert_nonnull(elem);
    guest_packed_desc(GUEST_DESC, 2, GUEST_DATA, 8, 0, now | VIRTQ_DESC_F_NEXT);
    guest_packed_desc(GUEST_DESC, 3, GUEST_DATA, 8, 0, now | VIRTQ_DESC_F_NEXT);
    guest_packed_desc(GUEST_DESC, 0, GUEST_DATA, 8, 0, VIRTQ_DESC_F_USED);
    g_assert_null(virtqueue_pop(guest.vq));
    g_assert_true(guest.vdev->broken);
    virtqueue_push(elem, 0);
}

static void packed_nested_table_breaks(void)
{
    guest_start(4, V1 | PACKED);
    guest_packed_desc(GUEST_DESC, 0, GUEST_TABLE, 16, 4, now | VIRTQ_DESC_F_INDIRECT);
    guest_packed_desc(GUEST_TABLE, 0, GUEST_TABLE, 16, 4, VIRTQ_DESC_F_INDIRECT);
    assert_breaks("test: Indirect descriptor in an indirect table");
}

static void packed_driver_event(uint16_t off_wrap, uint16_t flags)
{
    store_le16(guest.mem + GUEST_AVAIL, off_wrap);
    store_le16(guest.mem + GUEST_AVAIL + 2, flags);
}

static void packed_guest_can_hold_interrupts_back(void)
{
    guest_start(4, V1 | PACKED);
    packed_driver_event(0, 1);
    guest_packed_desc(GUEST_DESC, 0, GUEST_DATA, 8, 0, now);
    guest_serve(guest.vq);
    g_assert_cmpuint(guest.queue_interrupts, ==, 0);
    packed_driver_event(0, 0);
    guest_packed_desc(GUEST_DESC, 1, GUEST_DATA, 8, 0, now);
    guest_serve(guest.vq);
    g_assert_cmpuint(guest.queue_interrupts, ==, 1);
}

static void packed_event_is_at_its_descriptor(void)
{
    guest_start(8, V1 | PACKED | EVENT_IDX);
    packed_driver_event(3 | 0x8000, 2);
    for (unsigned i = 0; i < 6; i++) {
        guest_packed_desc(GUEST_DESC, i, GUEST_DATA, 8, i, now);
        guest_serve(guest.vq);
        g_assert_cmpuint(guest.queue_interrupts, ==, i < 3 ? 1 : 2); /* the first, not knowing, and number 3 */
    }
}

static void packed_event_of_the_last_round_is_over(void)
{
    guest_start(8, V1 | PACKED | EVENT_IDX);
    packed_driver_event(3 | 0x8000, 2);
    for (unsigned i = 0; i < 13; i++) {
        guest_packed_desc(GUEST_DESC, i % 8, GUEST_DATA, 8, i, guest_wrap_flags(i < 8));
        guest_serve(guest.vq);
    }
    /* the first; number 3; and one when the indices begin anew; not number 3 of the second round */
    g_assert_cmpuint(guest.queue_interrupts, ==, 3);
}

static void packed_device_event_says_when_to_ring(void)
{
    guest_start(8, V1 | PACKED | EVENT_IDX);
    guest_packed_desc(GUEST_DESC, 0, GUEST_DATA, 8, 0, now);
    guest.on_handle = guest_serve_all;
    virtio_queue_notify(guest.vdev, 0);
    virtio_run_kicks(guest.vdev);
    g_assert_cmphex(load_le16(guest.mem + GUEST_USED), ==, 1 | 0x8000);
    g_assert_cmphex(load_le16(guest.mem + GUEST_USED + 2), ==, 2);
    virtqueue_set_notification(guest.vq, false);
    g_assert_cmphex(load_le16(guest.mem + GUEST_USED + 2), ==, 1);
}

/* ---- Anything at all ---- */

static void random_rings_do_no_harm(void)
{
    g_autofree uint8_t *bytes = g_malloc(0x10000);
    g_autoptr(GRand) rand = g_rand_new_with_seed(20260101);
    unsigned broken = 0, rounds = g_test_quick() ? 4000 : 200000;

    for (unsigned round = 0; round < rounds; round++) {
        size_t size = 2 + g_rand_int_range(rand, 0, 0x200);
        unsigned sparse = g_rand_int_range(rand, 1, 16);

        for (size_t i = 0; i < size; i++) {
            bytes[i] = g_rand_int_range(rand, 0, sparse) == 0 ? g_rand_int(rand) : 0;
        }
        bytes[0] = g_rand_int(rand);
        bytes[1] = g_rand_int(rand);
        memset(bytes + size, 0, 0x10000 - size);
        /* the available index, heads and an indirect table are where the guest would put them */
        store_le16(bytes + 2 + GUEST_AVAIL - GUEST_DESC + 2, g_rand_int_range(rand, 0, 4));
        store_le16(bytes + 2 + GUEST_AVAIL - GUEST_DESC + 4, g_rand_int_range(rand, 0, 3));
        guest_feed(bytes, 0x10000);
        broken += guest.vdev->broken;
    }
    g_assert_cmpuint(broken, >, rounds / 100);
    g_assert_cmpuint(broken, <, rounds);
}

#define ADD(fn) g_test_add_func("/virtqueue/" #fn, fn)

int main(int argc, char **argv)
{
    int fd = g_file_open_tmp("virtqueue-XXXXXX", &log_path, NULL), status;

    g_test_init(&argc, &argv, NULL);
    close(fd);
    guest_make();
    ADD(split_empty_ring_pops_nothing);
    ADD(split_chain_becomes_segments_in_order);
    ADD(split_completes_out_of_order);
    ADD(split_indices_wrap_at_65536);
    ADD(split_indirect_table_is_followed);
    ADD(split_indirect_after_direct_descriptors);
    ADD(chain_of_1024_segments_is_taken);
    ADD(unpop_gives_the_same_again);
    ADD(drop_tells_the_guest_nothing);
    ADD(elements_are_reused);
    ADD(queue_moves_with_its_memory);
    ADD(written_pages_are_dirty);
    ADD(interrupt_unless_the_guest_wants_none);
    ADD(used_event_holds_interrupts_back);
    ADD(used_event_counts_from_the_last_interrupt);
    ADD(notify_on_empty_overrules);
    ADD(doorbells_are_off_during_a_run);
    ADD(avail_event_follows_what_was_taken);
    ADD(doorbell_runs_the_handler_once);
    ADD(doorbell_of_no_queue_is_dropped);
    ADD(work_of_one_run_is_bounded);
    ADD(handler_that_takes_nothing_is_not_called_again);
    ADD(head_out_of_range_breaks);
    ADD(next_out_of_range_breaks);
    ADD(loop_breaks);
    ADD(avail_index_too_far_ahead_breaks);
    ADD(zero_length_breaks);
    ADD(readable_after_writable_breaks);
    ADD(buffer_outside_ram_breaks);
    ADD(buffer_that_ends_outside_ram_breaks);
    ADD(buffer_that_wraps_around_breaks);
    ADD(writable_over_readable_breaks);
    ADD(many_overlapping_segments_break);
    ADD(many_segments_side_by_side_are_fine);
    ADD(same_page_twice_in_one_direction_is_fine);
    ADD(buffer_over_the_ring_breaks);
    ADD(indirect_table_of_bad_length_breaks);
    ADD(indirect_table_outside_ram_breaks);
    ADD(nested_indirect_table_breaks);
    ADD(indirect_with_next_breaks);
    ADD(loop_in_indirect_table_breaks);
    ADD(too_many_segments_break);
    ADD(same_head_offered_beyond_the_size_breaks);
    ADD(broken_device_works_after_reset);
    ADD(legacy_driver_sees_no_needs_reset);
    ADD(rings_that_can_not_be_break);
    ADD(bad_sizes_are_refused);
    ADD(packed_empty_ring_pops_nothing);
    ADD(packed_chain_becomes_segments);
    ADD(packed_wraps_with_its_counter);
    ADD(packed_completes_out_of_order);
    ADD(packed_indirect_table_is_read_to_its_end);
    ADD(packed_unpop_gives_the_same_again);
    ADD(packed_chain_longer_than_the_ring_breaks);
    ADD(packed_chain_into_what_is_in_flight_breaks);
    ADD(packed_nested_table_breaks);
    ADD(packed_guest_can_hold_interrupts_back);
    ADD(packed_event_is_at_its_descriptor);
    ADD(packed_event_of_the_last_round_is_over);
    ADD(packed_device_event_says_when_to_ring);
    ADD(random_rings_do_no_harm);
    ADD(prompt_queue_is_served_by_the_cpu_that_rings);
    status = g_test_run();
    unlink(log_path);
    return status;
}
