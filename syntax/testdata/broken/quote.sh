f() {
  echo "a"
  echo 'never closed
}
