"""Reading: engines for print and handwriting behind one Protocol, and what their lines become."""
