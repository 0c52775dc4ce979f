# timeout 900
#include packages.inc
get imagemagick
convert --version | head -n 1; identify --version | head -n 1
convert -size 48x32 gradient:red-blue -rotate 90 -blur 0x1 a.png; convert a.png -quality 90 a.jpg; convert a.jpg -resize 50% a.gif
for f in a.png a.jpg a.gif; do identify -format '%m %w %h %[depth] %#\n' $f; done
convert a.png -crop 1x3+5+5 txt:-; compare -metric AE a.png a.png null: ; echo " differ, status $?"
