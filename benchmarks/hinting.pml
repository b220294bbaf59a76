/* Free page hinting over pre-copy, for SPIN: the protocol of `balloonproof prove hinting`, written anew by hand from the same sources.
 *
 * Bounds:    -DPAGES=n pages in one chunk, -DSLOTS=n elements in the free page queue, -DIDS=n command ids; a step that needs more blocks.
 * Settings:  -DGET_AND_CLEAR    dirty-log=get-and-clear      (else manual, initially-set)
 *            -DRELEASE_WAITS    release-waits-for-ack=yes    (else no)
 *            -DPER_ROUND        command-id-buffer=per-round  (else shared)
 *
 * Every step is one d_step: guard, then effect, as in model/actions/, whose names the comments give.
 */
#ifndef PAGES
#define PAGES 1
#endif
#ifndef SLOTS
#define SLOTS 3
#endif
#ifndef IDS
#define IDS 5
#endif

#define STOP_ID 0
#define DONE_ID 1
#define FIRST_ID 2

mtype = { FREE, USED, HINTED };                                                         /* who has the page in the guest */
mtype = { NONE, BEFORE_SYNC, FETCH, MERGE, AFTER_SYNC, ROUND, COMPLETED, CLEANUP };     /* where the migration thread is */
mtype = { IDLE, ARMED, CLEARED };                                                       /* progress of the page being sent */
mtype = { STOP, REQUESTED, START, DONE };                                               /* the device's free_page_hint_status */
mtype = { start_command, stop_command, hinted_page };                                   /* elements of the free page queue */

mtype owner[PAGES] = FREE;
bool relied[PAGES];                 /* the guest relies on its content */
bool holds_ring[PAGES];             /* it holds the used ring of the free page queue */
bool copied[PAGES];                 /* the destination has the content that the source has */
bool logged[PAGES];                 /* the kernel's dirty bit */
bool fetched[PAGES];                /* QEMU's copy of it */
bool ram_dirty[PAGES] = true;       /* QEMU's own dirty memory */
bool dirty[PAGES];                  /* the migration's bitmap */
bool clear_pending;                 /* the chunk's log has not been cleared since the last sync */

mtype phase = NONE;
mtype send = IDLE;
byte sent_page;
bool running = true, final;
bool ran_before = true;             /* the VM ran when it was stopped to switch over */
bool log_left_on;                   /* the dirty log is to be switched off when the VM goes on */

mtype hinting = STOP;
byte command_id = FIRST_ID;         /* the host's */
byte received = STOP_ID;            /* what the guest read last */
byte active_id = STOP_ID;              /* the id of its round, and the buffer that start commands share */
bool in_round;
chan queue = [SLOTS] of { mtype, byte };    /* a start command's own id, or a page */

hidden byte i, own, page;

#define EACH(effect) for (i : 0 .. PAGES - 1) { effect }; i = 0     /* a d_step must not end with a loop */
#define HONOURED (hinting == START && phase != NONE)
#define SHOWN_ID (hinting == REQUESTED -> command_id : (hinting == DONE -> DONE_ID : STOP_ID))
#define NEW_ROUND (running && !in_round && received != STOP_ID && received != DONE_ID && received != active_id && nfull(queue))

#ifdef RELEASE_WAITS
#define MAY_RELEASE(p) (!(queue??[hinted_page, eval(p)]))
#else
#define MAY_RELEASE(p) true
#endif

#ifdef PER_ROUND
#define OWN_ID active_id
#define POPPED_ID own
#else
#define OWN_ID STOP_ID
#define POPPED_ID active_id
#endif

inline record_write(p) {
    copied[p] = false;
    logged[p] = logged[p] || phase != NONE
}

inline clear_chunk() {
#ifndef GET_AND_CLEAR
    EACH(
        logged[i] = logged[i] && !(clear_pending && fetched[i]);
        fetched[i] = fetched[i] && !clear_pending
    );
    clear_pending = false
#else
    skip
#endif
}

/* Steps about page p, whoever takes them. */
proctype About(byte p) {
    do
    /* the guest */
    :: d_step { running && owner[p] == FREE && !holds_ring[p] -> owner[p] = USED }                                          /* allocate */
    :: d_step { running && (owner[p] == USED || holds_ring[p]) -> relied[p] = true; record_write(p) }                       /* write */
    :: d_step { running && owner[p] == FREE && !holds_ring[p] -> record_write(p) }                                          /* initialise */
    :: d_step { running && owner[p] == USED -> owner[p] = FREE; relied[p] = false }                                         /* free */
    :: d_step { running && (owner[p] == USED || holds_ring[p]) ->                                                           /* device-write */
           relied[p] = true; copied[p] = false; ram_dirty[p] = ram_dirty[p] || phase != NONE }
    /* the balloon driver */
    :: d_step { running && in_round && received == active_id && owner[p] == FREE && !holds_ring[p] && nfull(queue) ->          /* hint */
           owner[p] = HINTED; queue!hinted_page(p) }
    :: d_step { running && !in_round && received == DONE_ID && owner[p] == HINTED && MAY_RELEASE(p) -> owner[p] = FREE }     /* release */
    :: d_step { running && owner[p] == HINTED && MAY_RELEASE(p) -> owner[p] = FREE }                                        /* shrink */
    /* the migration thread */
    :: d_step { phase == ROUND && send == IDLE && dirty[p] -> sent_page = p; clear_chunk(); send = ARMED }                  /* arm-log */
    :: d_step { send == ARMED && sent_page == p -> dirty[p] = false; send = CLEARED }                                       /* clear-bit */
    :: d_step { send == CLEARED && sent_page == p -> copied[p] = true; send = IDLE }                                        /* read-page */
    od
}

proctype Driver() {
    do
    :: d_step { running -> received = SHOWN_ID }                                                                            /* read-config */
    :: d_step { NEW_ROUND -> active_id = received; queue!start_command(OWN_ID); in_round = true }                              /* send-start */
    :: d_step { NEW_ROUND -> received = SHOWN_ID; active_id = received; queue!start_command(OWN_ID); in_round = true }          /* send-start-reread */
    :: d_step { running && in_round && nfull(queue) -> queue!stop_command(STOP_ID); in_round = false }                       /* send-stop */
    od
}

/* Completing an element writes the used ring, which is recorded in QEMU's own dirty memory. */
inline complete_element() {
    EACH(
        copied[i] = copied[i] && !holds_ring[i];
        ram_dirty[i] = ram_dirty[i] || (holds_ring[i] && phase != NONE)
    )
}

inline obey(command) {
    if
    :: command == command_id && hinting == REQUESTED -> hinting = START
    :: !(command == command_id && hinting == REQUESTED) && hinting == START -> hinting = STOP
    :: else
    fi;
    skip
}

/* The iothread is blocked while the VM is stopped. */
proctype Device() {
    do
    :: d_step { running && queue?[start_command, own] -> queue?start_command, own; complete_element(); obey(POPPED_ID) }     /* take-start */
    :: d_step { running && queue?[stop_command, own] -> queue?stop_command, own; complete_element(); obey(STOP_ID) }         /* take-stop */
    :: d_step { running && HONOURED && send == IDLE && queue?[hinted_page, page] ->                                          /* accept-hint */
           queue?hinted_page, page; complete_element(); clear_chunk(); dirty[page] = false }
    :: d_step { running && !HONOURED && queue?[hinted_page, page] -> queue?hinted_page, page; complete_element() }           /* drop-hint */
    od
}

#ifdef GET_AND_CLEAR
#define FETCH_BIT logged[i] = false
#define INITIALLY_SET false
#define CLEAR_LATER skip
#else
#define FETCH_BIT fetched[i] = logged[i]
#define INITIALLY_SET true
#define CLEAR_LATER clear_pending = true
#endif

proctype Migration() {
    bool sent_all;
    do
    :: d_step { phase == BEFORE_SYNC -> hinting = STOP; phase = FETCH }                                                     /* stop-hints */
    :: d_step { phase == FETCH -> EACH(ram_dirty[i] = ram_dirty[i] || logged[i]; FETCH_BIT); phase = MERGE }                 /* fetch */
    :: d_step { phase == MERGE -> EACH(dirty[i] = dirty[i] || ram_dirty[i]; ram_dirty[i] = false);                           /* merge */
           CLEAR_LATER; phase = AFTER_SYNC }
    :: d_step { phase == AFTER_SYNC && running && command_id < IDS - 1 -> command_id++; hinting = REQUESTED; phase = ROUND } /* request-hints */
    :: d_step { phase == AFTER_SYNC && !running -> hinting = DONE; phase = ROUND }                                           /* finish-hints */
    :: d_step { phase == ROUND && send == IDLE && !final -> phase = BEFORE_SYNC }                                            /* end-round */
    :: d_step { phase == ROUND && send == IDLE && !final -> ran_before = running; running = false; final = true; phase = BEFORE_SYNC }             /* stop-vm */
    :: d_step { phase == ROUND && send == IDLE && final ->                                                                  /* complete */
           sent_all = true; EACH(sent_all = sent_all && !dirty[i]);
           if :: sent_all -> phase = COMPLETED :: else fi; sent_all = false }
    od
}

inline forget_migration(log_stays_on) {
    EACH(copied[i] = false; dirty[i] = false; logged[i] = logged[i] && log_stays_on; fetched[i] = fetched[i] && log_stays_on);
    log_left_on = log_stays_on; clear_pending = false; send = IDLE; phase = NONE
}

inline start_again() {
    running = running || (final && ran_before); final = false; ran_before = true
}

proctype Management() {
    bool some_held;

    do
    :: d_step { phase == NONE ->                                                                                            /* start-migration */
           EACH(copied[i] = false; dirty[i] = true; ram_dirty[i] = false; logged[i] = (log_left_on -> logged[i] : INITIALLY_SET));
           log_left_on = false; phase = BEFORE_SYNC }
    :: d_step { phase == ROUND || phase == BEFORE_SYNC -> phase = CLEANUP }                                                  /* cancel, fail */
    :: d_step { phase == CLEANUP -> hinting = DONE; start_again(); forget_migration(!running) }                              /* cleanup */
    :: d_step { phase == COMPLETED -> forget_migration(false); EACH(ram_dirty[i] = true); start_again() }                    /* switch-over */
    :: d_step { (phase == NONE || phase == ROUND) && running -> running = false }                                           /* pause */
    :: d_step { (phase == NONE || phase == ROUND) && !running && !final ->                                                  /* resume */
           EACH(logged[i] = logged[i] && !log_left_on; fetched[i] = fetched[i] && !log_left_on);
           log_left_on = false; running = true }
    :: d_step { running && phase != FETCH && phase != MERGE && phase != AFTER_SYNC && !in_round &&                           /* restore */
           (received == active_id || received == STOP_ID || received == DONE_ID) ->
           EACH(some_held = some_held || owner[i] == HINTED);
           if :: !some_held -> hinting = STOP; do :: nempty(queue) -> queue?_, own :: empty(queue) -> break od :: else fi;
           own = 0; some_held = false }
    :: d_step { running && phase != FETCH && phase != MERGE && phase != AFTER_SYNC ->                                        /* kexec */
           EACH(owner[i] = FREE; relied[i] = false);
           hinting = STOP; received = STOP_ID; active_id = STOP_ID; in_round = false;
           do :: nempty(queue) -> queue?_, own :: empty(queue) -> break od;
           own = 0 }
    od
}

/* no-page-lost and hinted-pages-released, of page p. */
proctype Properties(byte p) {
    if
    :: d_step { phase == COMPLETED && (relied[p] || holds_ring[p]) && !copied[p] -> assert(false) }
    :: d_step { phase == NONE && owner[p] == HINTED && hinting != DONE -> assert(false) }
    fi
}

init {
    byte p;
    atomic {
        for (p : 0 .. PAGES - 1) {
            if :: holds_ring[p] = true :: skip fi;
            run About(p);
            run Properties(p)
        }
        p = 0;
        run Driver(); run Device(); run Migration(); run Management()
    }
}
