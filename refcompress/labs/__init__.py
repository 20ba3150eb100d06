"""Labs that judge themselves, and bug hunts: exercises for people who learn, and sets of them for a class.

A lab is one operation to be written again: ``refcompress lab start prune_magnitude`` makes a folder with a stub, and
``refcompress lab check`` says in plain words what is still wrong. A bug hunt is the other way round: a wrong kernel of
the catalogue is dealt, and the learner looks for an input on which it fails.

To be read from :mod:`lab` on, which says what a lab is made of: :mod:`exercises` has the labs, a file for each family;
:mod:`mistakes` what any solution can get wrong; :mod:`stub` makes the stub out of the reference; :mod:`folder` is the
learner's folder, and :mod:`records` reads its file of JSON; :mod:`checking` asks ``testing.check``, and :mod:`words`
says its verdict for learners.
"""
