; lamp-post: a lamp.
(set-logic ALL)

(declare-datatype |Colour| ((|Colour.RED|) (|Colour.GREEN|) (|Colour.BLUE|)))
(declare-datatype |Count| ((|Count.0|) (|Count.1|) (|Count.2|)))

; The state variables.
(declare-datatype State ((state
  (lamp.on Bool)  ; it is on
  (shade |Colour|)  ; its colour, any at first
  (times |Count|)
)))

; What a step may choose freely.
(declare-datatype Input ((input
  (input.wish |Colour|)
)))

; The initial states.
(define-fun initial ((s State)) Bool
  (and
    (not (lamp.on s))
    (= (times s) |Count.1|)
  )
)

; switch-on, guest, about the observed page
; Switch it on in any colour.
; Not while it is on.
; Source: the manual, page 3
(define-fun step.switch-on.own ((s State) (i Input) (t State)) Bool
  (and
    ; guard
    (not (lamp.on s))
    (not (= (times s) |Count.2|))
    ; effect
    (= (lamp.on t) true)
    (= (shade t) (input.wish i))
    (= (times t) (ite (= (times s) |Count.1|) |Count.2| (ite (= (times s) |Count.0|) |Count.1| (times s))))
    ; unchanged
  )
)

; switch-on, guest, about another page of the observed page's chunk
; Switch it on in any colour.
; Not while it is on.
; Source: the manual, page 3
(define-fun step.switch-on.peer ((s State) (i Input) (t State)) Bool
  (and
    ; guard
    (or (= (shade s) |Colour.RED|) (and (lamp.on s) (not (= (times s) |Count.2|)) (not (= (shade s) |Colour.GREEN|))))
    (or (= (shade s) |Colour.RED|) (and (lamp.on s) (not (= (times s) |Count.2|)) (not (= (shade s) |Colour.GREEN|))) (= (input.wish i) |Colour.BLUE|))
    ; effect
    (= (times t) (ite (or (= (shade s) |Colour.RED|) (and (lamp.on s) (not (= (times s) |Count.2|)) (not (= (shade s) |Colour.GREEN|)))) |Count.0| (times s)))
    ; unchanged
    (= (lamp.on t) (lamp.on s))
    (= (shade t) (shade s))
  )
)

; shine, balloon device
; It shines.
; Source: physics
(define-fun step.shine ((s State) (i Input) (t State)) Bool
  (and
    ; guard
    (lamp.on s)
    ; effect
    (= (lamp.on t) false)
    ; unchanged
    (= (shade t) (shade s))
    (= (times t) (times s))
  )
)

; Any step, from s to t.
(define-fun transition ((s State) (i Input) (t State)) Bool
  (or
    (step.switch-on.own s i t)
    (step.switch-on.peer s i t)
    (step.shine s i t)
  ))

; always: It is not blue when it is off.
(define-fun property.never-blue ((s State)) Bool
  (or (lamp.on s) (not (= (shade s) |Colour.BLUE|)))
)

; All of them.
(define-fun property ((s State)) Bool
  (property.never-blue s)
)

; sometimes: It can be red.
(define-fun witness.red ((s State)) Bool
  (and (lamp.on s) (= (shade s) |Colour.RED|))
)

; Is an initial state bad?  No: unsat.  To look further, go on with (transition s0 i0 s1) and (not (property s1)).
(push 1)
(declare-const s0 State)
(assert (initial s0))
(assert (not (property s0)))
(check-sat)
(pop 1)
