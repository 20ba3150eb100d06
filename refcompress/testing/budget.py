"""The seconds of a check: what is begun when, so that all of it ends in time, and a call that takes long still fits.

They count from the beginning of the check, by the time of its processes alone (:mod:`own_time`). The fixed inputs, the
checks of state and the search come one after the other; whatever finds a wrong input, smaller ones are looked for then.

    0                      THIN   LAST   END            ENOUGH        SECONDS - TO_SAY   SECONDS
    all fixed inputs       1 of 8  telling  states, search   smaller inputs         its words
"""

LIMIT = 5.0  # of a call, by default
SECONDS = 10.0  # of a check of one operation at the default budget
TO_SAY = 1.0  # of them, for the program and the text

THIN, LAST, END = 4.5, 5.25, 6.25  # then one of 8 fixed inputs is judged; then the telling ones; then none
MAP, MAP_AFTER_HANG = 4.0, 1.0  # from the first wrong input on, for the others: they make the map
SEARCH, LEAST_SEARCH = 5.0, 1.0  # then the search ends, or after so much of it
ENOUGH = 8.5  # then no other check of state is begun, and no other input of the search
SMALLER = 3.0  # for smaller inputs
HUNG_LIMIT, HUNG_SMALLER = 0.5, 2.0  # of a call once one has hung, and for smaller inputs then
