/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Interrupt lines, see core/irq.h.
 */
#include "core/irq.h"

#include "core/assert.h"
#include "core/cpu.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/pci_message.h"
#include "core/timer.h"

static struct irq_line lines[HAL_IRQ_SOURCES_MAX];

/* One call of hal/irq.h at a time; taken under a line's lock. */
static struct spinlock controller;
static uint32_t lines_of[HAL_CPU_MAX]; /* open lines that go to each CPU; under the same lock */

void irq_init(void)
{
    spinlock_init(&controller);
    for (unsigned cpu = 0; cpu < HAL_CPU_MAX; cpu++) {
        lines_of[cpu] = 0;
    }
    for (unsigned source = 0; source < HAL_IRQ_SOURCES_MAX; source++) {
        lines[source] = (struct irq_line){.state = IRQ_CLOSED, .masked = true};
        spinlock_init(&lines[source].lock);
        deadline_init(&lines[source].deadline, DEADLINE_LINE);
    }
}

static unsigned source_of(const struct irq_line *line)
{
    return (unsigned)(line - lines);
}

const struct irq_line *irq_line_at(unsigned source)
{
    CORE_ASSERT(source < HAL_IRQ_SOURCES_MAX);
    return &lines[source];
}

static void acquire_controller(void)
{
    bool interrupts = spinlock_acquire(&controller);
    CORE_ASSERT(!interrupts);
}

/* --- All below to the next such line: the line's lock is held --- */

bool irq_must_be_masked(const struct irq_line *line)
{
    bool enabled = false, held = false;
    for (uint32_t i = 0; i < IRQ_SHARERS_MAX && line->state == IRQ_OPEN; i++) {
        const struct irq_handler *handler = line->sharers[i];
        enabled = enabled || (handler != NULL && handler->enabled);
        held = held || (handler != NULL && handler->holds);
    }
    return !enabled || held;
}

/* Until now edges may have been lost. An earlier deadline stays; one that came while the line was masked
 * again has passed. So who masks and unmasks it over and over cannot put this off. */
static void resample(struct irq_line *line)
{
    if (!line->wire.level && !line->rings) {
        uint64_t now = hal_time_now();
        (void)deadline_set(&line->deadline, line->resample ? now : now + TIMER_DELAY_MIN);
        line->resample = true;
        line->rings = true;
    }
}

bool irq_must_be_routed(const struct irq_line *line)
{
    return line->state == IRQ_OPEN ||
           (line->message == NULL && (line->state == IRQ_THROTTLED || line->state == IRQ_CUT_OFF));
}

/* Masks and unmasks as the rest of the line asks. */
static void update(struct irq_line *line)
{
    bool masked = irq_must_be_masked(line);
    if (masked == line->masked) {
        return;
    }
    line->masked = masked;
    if (line->message != NULL) {
        pci_message_mask(line->message, masked);
    } else {
        acquire_controller();
        hal_irq_mask(source_of(line), masked);
        spinlock_release_irq_off(&controller);
    }
    if (!masked) {
        resample(line);
    }
}

/* The CPU of the mask, which is not empty, that the fewest lines go to. The controller is held. */
static unsigned least_loaded(uint64_t cpus)
{
    unsigned best = HAL_CPU_MAX;
    for (unsigned cpu = 0; cpu < hal_cpu_count(); cpu++) {
        bool better = best == HAL_CPU_MAX || lines_of[cpu] < lines_of[best];
        best = (cpus >> cpu & 1) != 0 && better ? cpu : best;
    }
    return best;
}

/* To a CPU of the mask. E_UNSUPPORTED: the source reaches none of those that are online. */
static keel_status_t route(struct irq_line *line, uint64_t cpus, bool is_open)
{
    struct hal_irq_message told = {.address = 0};
    bool routed = false;
    cpus &= cpu_online_mask();
    acquire_controller();
    lines_of[line->cpu] -= is_open;
    while (!routed && cpus != 0) {
        unsigned cpu = least_loaded(cpus);
        routed = hal_irq_route(source_of(line), line->wire, cpu);
        line->cpu = routed ? cpu : line->cpu;
        cpus &= ~(UINT64_C(1) << cpu);
    }
    lines_of[line->cpu] += is_open || routed;
    if (routed && line->message != NULL) {
        told = hal_irq_message_describe(source_of(line));
    }
    spinlock_release_irq_off(&controller);
    if (routed && line->message != NULL) {
        pci_message_tell(line->message, told, line->masked);
    }
    return routed ? KEEL_OK : KEEL_E_UNSUPPORTED;
}

static keel_status_t open_line(struct irq_line *line, const struct irq_handler_options *options)
{
    line->wire = options->wire;
    line->shared = options->shared;
    keel_status_t status = route(line, options->affinity, false);
    if (status == KEEL_OK) {
        line->state = IRQ_OPEN;
        line->resample = false;
        line->rings = false;
        irq_storm_init(&line->storm, hal_time_now());
        line->interrupts = 0;
        line->unclaimed = 0;
        line->storms = 0;
    }
    return status;
}

static void close_line(struct irq_line *line)
{
    bool source_open = line->state != IRQ_GONE;
    line->state = IRQ_CLOSED;
    update(line);
    (void)deadline_remove(&line->deadline);
    acquire_controller();
    lines_of[line->cpu]--;
    if (source_open) {
        hal_irq_close(source_of(line));
    }
    spinlock_release_irq_off(&controller);
}

static bool fits(const struct irq_line *line, const struct irq_handler_options *options)
{
    return line->shared && options->shared && line->wire.level == options->wire.level &&
           line->wire.low == options->wire.low;
}

static bool is_message(const struct irq_line *line)
{
    return source_of(line) >= hal_irq_message_first();
}

/* Can there be handlers for the source, with this wire? */
static keel_status_t check_source(const struct irq_line *line, struct hal_irq_wire wire)
{
    struct hal_irq_source source;
    if (!is_message(line)) {
        return hal_irq_source(source_of(line), &source) ? KEEL_OK : KEEL_E_NOT_FOUND;
    }
    if (line->message == NULL) {
        return KEEL_E_NOT_FOUND;
    }
    return wire.level || wire.low ? KEEL_E_INVALID : KEEL_OK;
}

static keel_status_t attach(struct irq_line *line, struct irq_handler *handler,
                            const struct irq_handler_options *options)
{
    keel_status_t status = check_source(line, options->wire);
    if (status != KEEL_OK) {
        return status;
    }
    if (line->state == IRQ_CLOSED) {
        status = open_line(line, options);
    } else if (!fits(line, options)) {
        status = KEEL_E_BUSY;
    } else if (line->sharer_count == IRQ_SHARERS_MAX) {
        status = KEEL_E_LIMIT;
    }
    if (status == KEEL_OK) {
        uint32_t place = 0;
        while (line->sharers[place] != NULL) {
            place++;
        }
        line->sharers[place] = handler;
        line->sharer_count++;
    }
    return status;
}

static void detach(struct irq_line *line, const struct irq_handler *handler)
{
    uint32_t place = 0;
    while (line->sharers[place] != handler) {
        place++;
        CORE_ASSERT(place < IRQ_SHARERS_MAX);
    }
    line->sharers[place] = NULL;
    line->sharer_count--;
    if (line->sharer_count == 0) {
        close_line(line);
    } else {
        update(line);
    }
}

/* Of a message that is silent nothing passes, whatever its device thinks of the mask. */
static void shut_if_silent(struct irq_line *line)
{
    if (line->message != NULL && line->state != IRQ_CLOSED && !irq_must_be_routed(line)) {
        acquire_controller();
        hal_irq_close(source_of(line));
        spinlock_release_irq_off(&controller);
    }
}

/* The line has stormed. */
static void silence(struct irq_line *line, uint64_t now)
{
    uint64_t pause = irq_storm_pause(&line->storm);
    line->storms++;
    line->rings = false;
    line->state = pause != 0 ? IRQ_THROTTLED : IRQ_CUT_OFF;
    update(line);
    shut_if_silent(line);
    if (pause != 0) {
        line->silent_until = now + pause;
        (void)deadline_set(&line->deadline, line->silent_until);
    }
}

/* --- Handlers --- */

keel_status_t irq_handler_make(const struct irq_handler_options *options, uint64_t *handle)
{
    if (options->source >= HAL_IRQ_SOURCES_MAX) {
        return KEEL_E_NOT_FOUND;
    }
    struct irq_handler *handler = (struct irq_handler *)object_claim(OBJECT_IRQ_HANDLER);
    if (handler == NULL) {
        return KEEL_E_LIMIT;
    }
    struct irq_line *line = &lines[options->source];
    handler->line = line;
    handler->function = options->function;
    handler->context = options->context;
    handler->enabled = false;
    handler->holds = false;
    handler->running = false;
    handler->resumed = false;
    *handle = object_handle(OBJECT_IRQ_HANDLER, &handler->object);
    bool interrupts = spinlock_acquire(&line->lock);
    keel_status_t status = attach(line, handler, options);
    spinlock_release(&line->lock, interrupts);
    if (status == KEEL_OK) {
        ref_publish(&handler->object.ref, 1, true);
    } else {
        ref_unclaim(&handler->object.ref);
    }
    return status;
}

void irq_handler_put(struct irq_handler *handler)
{
    if (ref_put(&handler->object.ref)) {
        CORE_ASSERT(!handler->running);
        bool interrupts = spinlock_acquire(&handler->line->lock);
        detach(handler->line, handler);
        spinlock_release(&handler->line->lock, interrupts);
        ref_finish(&handler->object.ref);
    }
}

void irq_handler_enable(struct irq_handler *handler)
{
    bool interrupts = spinlock_acquire(&handler->line->lock);
    bool was_enabled = handler->enabled;
    handler->enabled = true;
    update(handler->line);
    if (!was_enabled && !handler->line->masked) {
        resample(handler->line); /* others of the line may have had it unmasked */
    }
    spinlock_release(&handler->line->lock, interrupts);
}

keel_status_t irq_handler_disable(struct irq_handler *handler)
{
    bool interrupts = spinlock_acquire(&handler->line->lock);
    bool running = handler->running;
    handler->enabled = false;
    handler->holds = false;
    handler->resumed = true;
    update(handler->line);
    spinlock_release(&handler->line->lock, interrupts);
    return running ? KEEL_E_BUSY : KEEL_OK;
}

keel_status_t irq_handler_resume(struct irq_handler *handler)
{
    bool interrupts = spinlock_acquire(&handler->line->lock);
    bool held = handler->holds || handler->running;
    handler->holds = false;
    handler->resumed = true;
    update(handler->line);
    spinlock_release(&handler->line->lock, interrupts);
    return held ? KEEL_OK : KEEL_E_NOT_FOUND;
}

keel_status_t irq_handler_set_affinity(struct irq_handler *handler, uint64_t affinity)
{
    bool interrupts = spinlock_acquire(&handler->line->lock);
    bool gone = handler->line->state == IRQ_GONE;
    keel_status_t status = gone ? KEEL_E_NOT_FOUND : route(handler->line, affinity, true);
    shut_if_silent(handler->line);
    if (status == KEEL_OK && !handler->line->masked) {
        resample(handler->line); /* the machine may mask it in between */
    }
    spinlock_release(&handler->line->lock, interrupts);
    return status;
}

void irq_handler_info(struct irq_handler *handler, struct irq_line_info *info)
{
    const struct irq_line *line = handler->line;
    bool interrupts = spinlock_acquire(&handler->line->lock);
    *info = (struct irq_line_info){.source = source_of(line),
                                   .cpu = line->cpu,
                                   .wire = line->wire,
                                   .shared = line->shared,
                                   .state = line->state,
                                   .interrupts = line->interrupts,
                                   .unclaimed = line->unclaimed,
                                   .storms = line->storms};
    spinlock_release(&handler->line->lock, interrupts);
}

/* --- Messages --- */

/* The line is free for the message. Its lock is held. */
static bool take_source(struct irq_line *line, const struct pci_message *message, uint16_t requester)
{
    if (line->message != NULL || line->state != IRQ_CLOSED) {
        return false;
    }
    acquire_controller();
    bool opened = hal_irq_message_open(source_of(line), requester);
    spinlock_release_irq_off(&controller);
    line->message = opened ? message : NULL;
    return opened;
}

keel_status_t irq_message_attach(const struct pci_message *message, uint16_t requester, uint32_t *source)
{
    for (unsigned i = hal_irq_message_first(); i < HAL_IRQ_SOURCES_MAX; i++) {
        bool interrupts = spinlock_acquire(&lines[i].lock);
        bool taken = take_source(&lines[i], message, requester);
        spinlock_release(&lines[i].lock, interrupts);
        if (taken) {
            *source = i;
            return KEEL_OK;
        }
    }
    return KEEL_E_LIMIT;
}

void irq_message_detach(unsigned source)
{
    struct irq_line *line = &lines[source];
    bool interrupts = spinlock_acquire(&line->lock);
    CORE_ASSERT(line->message != NULL);
    if (line->state != IRQ_CLOSED) {
        line->state = IRQ_GONE;
        update(line);
        (void)deadline_remove(&line->deadline);
    }
    pci_message_clear(line->message);
    line->message = NULL;
    acquire_controller();
    hal_irq_message_close(source);
    spinlock_release_irq_off(&controller);
    spinlock_release(&line->lock, interrupts);
}

/* --- Service; interrupts are off --- */

/* The handler at this place, with a reference, if it is to be called. One that holds the line does not keep
 * it from those after it: they might never be called. */
static struct irq_handler *take(struct irq_line *line, uint32_t place)
{
    (void)spinlock_acquire(&line->lock);
    struct irq_handler *handler = line->sharers[place];
    bool calls =
        handler != NULL && handler->enabled &&
        ref_get_by_handle(&handler->object.ref,
                          ref_word_generation(atomic_u64_peek(&handler->object.ref.word))) == KEEL_OK;
    if (calls) {
        handler->running = true;
        handler->resumed = false;
    }
    spinlock_release_irq_off(&line->lock);
    return calls ? handler : NULL;
}

/* Answers whether it claims the interrupt. */
static bool call(struct irq_handler *handler)
{
    struct interrupt_frame outer;
    interrupt_enter(&outer);
    uint32_t answer = handler->function(handler->context);
    interrupt_leave(&outer);
    (void)spinlock_acquire(&handler->line->lock);
    handler->running = false;
    handler->holds = answer == IRQ_HOLD && !handler->resumed;
    update(handler->line);
    spinlock_release_irq_off(&handler->line->lock);
    irq_handler_put(handler);
    return answer == IRQ_HANDLED || answer == IRQ_HOLD;
}

static void log_storm(const struct irq_line *line, uint64_t storms, enum irq_state state)
{
    struct text text;
    text_clear(&text);
    text_string(&text, "irq: source ");
    text_u64(&text, source_of(line));
    text_string(&text, state == IRQ_CUT_OFF ? " storms on and on, and is cut off"
                                            : " storms: masked for a while, storm ");
    if (state != IRQ_CUT_OFF) {
        text_u64(&text, storms);
    }
    log_text(LOG_WARNING, &text);
}

/* A round is over. Answers whether there is another one to make, and whether the line interrupted for it. */
static bool finish(struct irq_line *line, bool *interrupted, uint64_t begin, bool claimed)
{
    uint64_t now = hal_time_now();
    (void)spinlock_acquire(&line->lock);
    line->unclaimed += *interrupted && !claimed;
    bool storms = (*interrupted || claimed) && line->state == IRQ_OPEN &&
                  irq_storm_note(&line->storm, begin, now, claimed);
    if (storms) {
        silence(line, now);
    }
    line->in_service = line->again && !line->masked;
    if (line->again_late && !line->again && !line->masked) {
        resample(line); /* soon, not now: nobody may keep this CPU here by asking for it over and over */
    }
    *interrupted = line->again;
    line->again = false;
    line->again_late = false;
    bool more = line->in_service;
    enum irq_state state = line->state;
    uint64_t count = line->storms;
    spinlock_release_irq_off(&line->lock);
    /* Fewer and fewer lines: a device must not buy the console with its storms. */
    if (storms && ((count & (count - 1)) == 0 || state == IRQ_CUT_OFF)) {
        log_storm(line, count, state);
    }
    return more;
}

/* The line is in service by this CPU. `interrupted`: it did; otherwise it may have. */
static void serve(struct irq_line *line, bool interrupted)
{
    bool more;
    do {
        uint64_t begin = hal_time_now();
        bool claimed = false;
        for (uint32_t place = 0; place < IRQ_SHARERS_MAX; place++) {
            struct irq_handler *handler = take(line, place);
            claimed = (handler != NULL && call(handler)) || claimed;
        }
        more = finish(line, &interrupted, begin, claimed);
    } while (more);
}

void hal_upcall_irq(unsigned source)
{
    CORE_ASSERT(source < HAL_IRQ_SOURCES_MAX);
    struct irq_line *line = &lines[source];
    (void)spinlock_acquire(&line->lock);
    /* What comes though it is masked was on its way, or is forged. */
    bool expected = !line->masked;
    bool serves = expected && !line->in_service;
    line->interrupts += expected;
    line->again = line->again || (expected && line->in_service);
    line->in_service = line->in_service || serves;
    spinlock_release_irq_off(&line->lock);
    cpu_count(expected ? CPU_COUNT_LINE : CPU_COUNT_STRAY);
    if (serves) {
        serve(line, true);
    }
}

/* The silence is over. Rings again for what was lost. */
static void resume(struct irq_line *line, uint64_t now)
{
    bool routed = line->message == NULL || route(line, UINT64_C(1) << line->cpu, true) == KEEL_OK;
    line->state = routed ? IRQ_OPEN : IRQ_CUT_OFF;
    irq_storm_resume(&line->storm, now);
    update(line);
}

void irq_line_ring(struct irq_line *line)
{
    (void)spinlock_acquire(&line->lock);
    uint64_t now = hal_time_now();
    bool resumes = line->state == IRQ_THROTTLED && now >= line->silent_until;
    if (resumes) {
        resume(line, now);
    }
    line->rings = line->rings && resumes;
    bool due = line->resample && !line->masked && !line->rings;
    bool serves = due && !line->in_service;
    line->again_late = line->again_late || (due && line->in_service);
    line->in_service = line->in_service || serves;
    line->resample = line->resample && !due;
    spinlock_release_irq_off(&line->lock);
    if (serves) {
        serve(line, false);
    }
}
