f() {
  if true; then echo a; fi

for x in 1 2; do echo "$x"; done
