---- MODULE LampPost ----
\* lamp-post: a lamp.
\* TLC reads its configuration from the end of this file: tlc -config LampPost.tla LampPost.tla
EXTENDS Naturals

Colour == {"RED", "GREEN", "BLUE"}
Count == 0 .. 2

VARIABLES
    lamp_on,                    \* it is on
    shade,                      \* its colour, any at first
    times

vars == <<lamp_on, shade, times>>

TypeOK ==
    /\ lamp_on \in BOOLEAN
    /\ shade \in Colour
    /\ times \in Count

Init ==
    /\ lamp_on = FALSE
    /\ shade \in Colour
    /\ times = 1

\* switch-on, guest
\* Switch it on in any colour.
\* Not while it is on.
\* Source: the manual, page 3
\* About the observed page.
SwitchOn_own ==
    \E wish \in Colour :
        /\ ~lamp_on
        /\ times # 2
        /\ lamp_on' = TRUE
        /\ shade' = wish
        /\ times' = IF times = 1 THEN 2 ELSE IF times = 0 THEN 1 ELSE times

\* About another page of the observed page's chunk.
SwitchOn_peer ==
    \E wish \in Colour :
        /\ (shade = "RED") \/ (lamp_on /\ (times # 2) /\ (shade # "GREEN"))
        /\ (shade = "RED") \/ (lamp_on /\ (times # 2) /\ (shade # "GREEN")) \/ (wish = "BLUE")
        /\ times' = IF (shade = "RED") \/ (lamp_on /\ (times # 2) /\ (shade # "GREEN")) THEN 0 ELSE times
        /\ UNCHANGED <<lamp_on, shade>>

SwitchOn == SwitchOn_own \/ SwitchOn_peer

\* shine, balloon device
\* It shines.
\* Source: physics
Shine ==
    /\ lamp_on
    /\ lamp_on' = FALSE
    /\ UNCHANGED <<shade, times>>

\* Any action.
Next ==
    \/ SwitchOn
    \/ Shine

Spec == Init /\ [][Next]_vars

\* Always: It is not blue when it is off.
NeverBlue ==
    (shade = "BLUE") => lamp_on

\* Sometimes: It can be red.
Red ==
    lamp_on /\ (shade = "RED")

\* Not an invariant: TLC's counterexample to it is a witness of Red.
NeverRed == ~Red

====

---- CONFIG LampPost ----
SPECIFICATION Spec
CHECK_DEADLOCK FALSE
INVARIANT TypeOK
INVARIANT NeverBlue
====
