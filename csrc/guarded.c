/* Memory for NumPy's arrays at pages that may not be touched: a kernel that writes one element too many ends there.
 *
 * In C, because NumPy frees arrays while an exception is pending, and no function of Python may run then. */
#if !defined(_WIN32)
#define _DEFAULT_SOURCE 1 /* MAP_ANONYMOUS, MAP_NORESERVE */
#include <sys/mman.h>
#include <unistd.h>
#endif
#include "refcompress.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if !defined(_WIN32) && UINTPTR_MAX > UINT32_MAX
#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

enum {
    RC_ROOM = 1 << 24,  /* bytes of the largest array; the longer ones come from malloc */
    RC_ROOMS = 1 << 10, /* arrays that live at once; the reserved addresses are 2^34 bytes, with no memory behind
                           them */
    RC_KEPT = 16,       /* pages that a room may keep when its array is gone: more are given back */
};

/* A room lies between two pages that are never opened. Its open pages are its last ones (at_end) or its first. */
struct room {
    size_t pages; /* open ones; 0 before the first array */
    int at_end, used;
};

static struct {
    atomic_flag busy;
    size_t page, left;
    int at_end;
    unsigned char poison, *start;
    struct room rooms[RC_ROOMS];
} state = {.busy = ATOMIC_FLAG_INIT};

static size_t stride(void)
{
    return RC_ROOM + 2 * state.page;
}

static unsigned char *begin_of(size_t i)
{
    return state.start + i * stride() + state.page;
}

static void lock(void)
{
    while (atomic_flag_test_and_set_explicit(&state.busy, memory_order_acquire)) {
    }
}

static void unlock(void)
{
    atomic_flag_clear_explicit(&state.busy, memory_order_release);
}

static unsigned char *opened(const struct room *room, size_t i)
{
    return begin_of(i) + (room->at_end ? RC_ROOM - room->pages * state.page : 0);
}

static void shut(struct room *room, size_t i)
{
    if (room->pages) {
        mprotect(opened(room, i), room->pages * state.page, PROT_NONE);
        madvise(opened(room, i), room->pages * state.page, MADV_DONTNEED);
    }
    room->pages = 0;
}

/* A room with so many open pages: one that has them already, else the first that is free. */
static size_t found(size_t pages, int at_end)
{
    size_t any = RC_ROOMS;
    for (size_t i = 0; i < RC_ROOMS; i++) {
        const struct room *room = &state.rooms[i];
        if (room->used)
            continue;
        if (room->pages == pages && room->at_end == at_end)
            return i;
        if (any == RC_ROOMS)
            any = i;
    }
    return any;
}

static void *take(size_t size)
{
    if (!state.left || size > RC_ROOM)
        return NULL;
    /* NumPy asks for one byte for an array without elements, and numpy.einsum writes a whole element to it. Nobody is
     * to be blamed for that: so short an array always lies behind a page, with room after it. */
    const int at_end = state.at_end && size > 1;
    size_t pages = size ? (size + state.page - 1) / state.page : 1, i = found(pages, at_end);
    if (i == RC_ROOMS)
        return NULL;
    struct room *room = &state.rooms[i];
    if (room->pages != pages || room->at_end != at_end) {
        shut(room, i);
        room->at_end = at_end;
        room->pages = pages;
        if (mprotect(opened(room, i), pages * state.page, PROT_READ | PROT_WRITE)) {
            room->pages = 0;
            return NULL;
        }
    }
    room->used = 1;
    state.left--;
    return opened(room, i) + (room->at_end ? pages * state.page - size : 0);
}

static int ours(const void *address)
{
    uintptr_t at = (uintptr_t)address, start = (uintptr_t)state.start;
    return start && at >= start && at < start + RC_ROOMS * stride();
}

static void *guarded_malloc(void *context, size_t size)
{
    (void)context;
    lock();
    void *address = take(size);
    unlock();
    return address ? memset(address, state.poison, size) : malloc(size);
}

static void *guarded_calloc(void *context, size_t count, size_t each)
{
    (void)context;
    if (each && count > RC_ROOM / each)
        return calloc(count, each);
    lock();
    void *address = take(count * each);
    unlock();
    return address ? memset(address, 0, count * each) : calloc(count, each);
}

static void guarded_free(void *context, void *address, size_t size)
{
    (void)context, (void)size;
    if (!ours(address)) {
        free(address);
        return;
    }
    lock();
    size_t i = ((uintptr_t)address - (uintptr_t)state.start) / stride();
    if (state.rooms[i].pages > RC_KEPT)
        shut(&state.rooms[i], i);
    state.rooms[i].used = 0;
    unlock();
}

/* An array that grows leaves its room. */
static void *guarded_realloc(void *context, void *old, size_t size)
{
    if (!ours(old))
        return realloc(old, size);
    size_t i = ((uintptr_t)old - (uintptr_t)state.start) / stride();
    size_t held = (size_t)(opened(&state.rooms[i], i) + state.rooms[i].pages * state.page - (unsigned char *)old);
    void *grown = malloc(size);
    if (grown) {
        memcpy(grown, old, held < size ? held : size);
        guarded_free(context, old, held);
    }
    return grown;
}

/* As NumPy's header has it: PyDataMem_Handler, version 1. */
static const struct {
    char name[127];
    uint8_t version;
    void *context;
    void *(*malloc)(void *, size_t);
    void *(*calloc)(void *, size_t, size_t);
    void *(*realloc)(void *, void *, size_t);
    void (*free)(void *, void *, size_t);
} handler = {"refcompress", 1, NULL, guarded_malloc, guarded_calloc, guarded_realloc, guarded_free};

const void *rc_guarded_handler(void)
{
    if (!state.start) {
        state.page = (size_t)sysconf(_SC_PAGESIZE);
        void *start = mmap(NULL, RC_ROOMS * stride(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        state.start = start == MAP_FAILED ? NULL : start;
    }
    return state.start ? &handler : NULL;
}

void rc_guarded_begin(size_t most, int at_end, unsigned char poison)
{
    lock();
    state.left = most;
    state.at_end = at_end;
    state.poison = poison;
    unlock();
}

void rc_guarded_end(void)
{
    lock();
    state.left = 0;
    unlock();
}
#else
const void *rc_guarded_handler(void)
{
    return NULL;
}

void rc_guarded_begin(size_t most, int at_end, unsigned char poison)
{
    (void)most, (void)at_end, (void)poison;
}

void rc_guarded_end(void)
{
}
#endif
