exec 3<>"/dev/tcp/127.0.0.1/$2" || exit 1
for model in $(sed -n 's/^    name: "\(.*\)"$/\1/p' "$1"); do
  exec 3<>"/dev/tcp/127.0.0.1/$2" || exit 1
  printf 'GET /v1/models/%s/labels/stable/metadata HTTP/1.0\r\n\r\n' "$model" >&3
  read -r -t 4 _ status _ <&3
  [ "$status" = 200 ] || exit 1
done
